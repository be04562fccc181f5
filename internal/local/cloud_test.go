package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// serve answers every request with a status and an XML document, and keeps the
// requests' Authorization.
func serve(t *testing.T, status int, document string) (Cloud, *[]string) {
	t.Helper()
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		seen = append(seen, request.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprint(w, document)
	}))
	t.Cleanup(server.Close)
	return NewCloud(server.URL, config.Staging()), &seen
}

func TestTheAccessKeyIsTheAccount(t *testing.T) {
	cloud, seen := serve(t, http.StatusOK, `<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>
		<DBClusterIdentifier>wallet</DBClusterIdentifier><EngineVersion>8.0</EngineVersion><BackupRetentionPeriod>35</BackupRetentionPeriod>
		<DeletionProtection>true</DeletionProtection></DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>`)
	facts, err := cloud.Read(context.Background(), "us-east-1", "AWS::RDS::DBCluster", "wallet")
	require.NoError(t, err)
	assert.Equal(t, Facts{"name": "wallet", "version": "8.0", "days": "35", "members": "0", "protected": "true"}, facts)
	require.Len(t, *seen, 1)
	assert.Contains(t, (*seen)[0], "Credential=111111111111/")
	assert.Contains(t, (*seen)[0], "/us-east-1/rds/")
}

// CloudFormation names every type that it does not know in one answer, and any other
// answer says nothing about types.
func TestTheEmulatorNamesTheTypesThatItLacks(t *testing.T) {
	refusal := func(message string) string {
		return `<ErrorResponse><Error><Code>ValidationError</Code><Message>` + message + `</Message></Error></ErrorResponse>`
	}
	cloud, _ := serve(t, http.StatusBadRequest, refusal("Template format error: Unrecognized resource types: [AWS::MSK::Cluster, AWS::MSK::Topic]"))
	lacking, err := cloud.Lacks(context.Background(), []string{"AWS::SNS::Topic"})
	require.NoError(t, err)
	assert.Equal(t, []string{"AWS::MSK::Cluster", "AWS::MSK::Topic"}, lacking)
	cloud, _ = serve(t, http.StatusBadRequest, refusal("Template format error: no resources"))
	_, err = cloud.Lacks(context.Background(), []string{"AWS::SNS::Topic"})
	require.ErrorContains(t, err, "no resources")
	cloud, _ = serve(t, http.StatusOK, `<ValidateTemplateResponse><ValidateTemplateResult/></ValidateTemplateResponse>`)
	lacking, err = cloud.Lacks(context.Background(), []string{"AWS::SNS::Topic"})
	require.NoError(t, err)
	assert.Empty(t, lacking)
}

// A resource that a service does not know is gone; a service that fails says nothing
// about it, and must not pass for either.
func TestGoneIsToldFromAFailure(t *testing.T) {
	answer := func(code string) string {
		return `<ErrorResponse><Error><Code>` + code + `</Code><Message>no</Message></Error></ErrorResponse>`
	}
	for name, test := range map[string]struct {
		status   int
		document string
		gone     bool
	}{
		"a code that says so": {http.StatusBadRequest, answer("DBClusterNotFoundFault"), true},
		"status 404":          {http.StatusNotFound, answer("Other"), true},
		"an empty list": {http.StatusOK, `<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters></DBClusters>` +
			`</DescribeDBClustersResult></DescribeDBClustersResponse>`, true},
		"no permission": {http.StatusForbidden, answer("AccessDenied"), false},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, _ := serve(t, test.status, test.document)
			_, err := cloud.Read(context.Background(), "sa-east-1", "AWS::RDS::DBCluster", "wallet")
			require.Error(t, err)
			assert.Equal(t, test.gone, errors.Is(err, ErrGone), err.Error())
		})
	}
}

func TestATypeWithoutAReaderIsNotTakenForThere(t *testing.T) {
	cloud, seen := serve(t, http.StatusOK, "")
	_, err := cloud.Read(context.Background(), "sa-east-1", "AWS::XRay::Group", "g")
	require.ErrorIs(t, err, ErrNoReader)
	assert.Empty(t, *seen)
}
