// Command dbrotation is the Lambda function by which Secrets Manager replaces the
// database's passwords, and which announces that the application's is another one.
// AWS's own functions for it run on a Python that is past its end of support.
package main

import (
	"context"
	"log"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"wallet-infra/lambda/internal/walletdb"
)

func main() {
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatalf("dbrotation: the function's AWS settings: %v", err)
	}
	// The function works in the region of the writer, which Lambda tells it.
	open, err := walletdb.NewOpener(os.Getenv("AWS_REGION"))
	if err != nil {
		log.Fatalf("dbrotation: %v", err)
	}
	// constructs/aurora writes both, from what it generates the first passwords with.
	length, err := strconv.ParseInt(os.Getenv("PASSWORD_LENGTH"), 10, 64)
	if err != nil {
		log.Fatal("dbrotation: PASSWORD_LENGTH: want a number")
	}
	h := handler{
		secrets:  secretsmanager.NewFromConfig(settings),
		events:   eventbridge.NewFromConfig(settings),
		open:     open,
		length:   length,
		excluded: os.Getenv("PASSWORD_EXCLUDES"),
	}
	lambda.Start(h.handle)
}
