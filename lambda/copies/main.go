// Command copies is the Lambda function that looks after the copies of which no
// metric and no event tells whether they are good: the replicas of secrets in the
// second region, and the exports of the database. It fails with what it finds, and an
// alarm counts its successes.
package main

import (
	"context"
	"log"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"wallet-infra/lambda/internal/attempt"
)

func main() {
	settings, err := attempt.Settings(context.Background())
	if err != nil {
		log.Fatalf("copies: the function's AWS settings: %v", err)
	}
	oldest, err := time.ParseDuration(os.Getenv("OLDEST_EXPORT"))
	if err != nil {
		log.Fatalf("copies: OLDEST_EXPORT: %v", err)
	}
	h := handler{
		secrets:    secretsmanager.NewFromConfig(settings),
		rds:        rds.NewFromConfig(settings),
		replicated: strings.FieldsFunc(os.Getenv("REPLICATED_SECRETS"), func(r rune) bool { return r == ',' }),
		cluster:    os.Getenv("CLUSTER"),
		oldest:     oldest,
		now:        time.Now,
		wait:       wait,
	}
	lambda.Start(h.handle)
}
