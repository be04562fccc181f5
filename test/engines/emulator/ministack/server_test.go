package ministack

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// One server holds both environments, told apart by their accounts.
func TestTheAccessKeyIsTheAccount(t *testing.T) {
	server := Start(t)
	for _, account := range []string{"111111111111", "222222222222"} {
		caller, err := sts.NewFromConfig(server.Config(account, "sa-east-1")).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		require.NoError(t, err)
		assert.Equal(t, account, *caller.Account)
	}
}
