// Command dbuser is the Lambda function behind the custom resource that creates
// the MySQL users of the application and of who measures its outbox: CloudFormation can
// make a cluster and a secret, but not a user in the database.
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/customresource"
	"wallet-infra/lambda/internal/walletdb"
)

func main() {
	settings, err := attempt.Settings(context.Background())
	if err != nil {
		log.Fatalf("dbuser: the function's AWS settings: %v", err)
	}
	// The function works in the region of the writer, which Lambda tells it.
	open, err := walletdb.NewOpener(os.Getenv("AWS_REGION"))
	if err != nil {
		log.Fatalf("dbuser: %v", err)
	}
	h := handler{secrets: secretsmanager.NewFromConfig(settings), open: open, pause: pause}
	customresource.Start(h.ensure)
}
