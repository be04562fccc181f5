// Command outbox is the Lambda function that measures the outbox in the database: how
// many events wait to be published, and how old the oldest of them is. The service's
// own counters cannot tell: they count an event before it is sent, and stand still
// when nobody sends.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/walletdb"
)

func main() {
	settings, err := attempt.Settings(context.Background())
	if err != nil {
		log.Fatalf("outbox: the function's AWS settings: %v", err)
	}
	open, err := walletdb.NewOpener(os.Getenv("AWS_REGION"))
	if err != nil {
		log.Fatalf("outbox: %v", err)
	}
	h := handler{
		secrets: secretsmanager.NewFromConfig(settings),
		open:    open,
		secret:  os.Getenv("SECRET"),
		host:    os.Getenv("HOST"),
		table:   os.Getenv("TABLE"),
		metrics: metrics{
			namespace: os.Getenv("NAMESPACE"), environment: os.Getenv("ENVIRONMENT"),
			rows: os.Getenv("ROWS_METRIC"), age: os.Getenv("AGE_METRIC"),
		},
		pause: pause,
		now:   time.Now,
		out:   os.Stdout,
	}
	lambda.Start(h.handle)
}
