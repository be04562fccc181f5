// Command redeploy starts a deployment of the service after the database's
// password was rotated, so that no task outlives the password that it logged in
// with. Events of the rotation reach it through a queue; a message stays in the
// queue until no task is older than it, or until it is given up with the reason.
package main

import (
	"context"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"wallet-infra/lambda/internal/attempt"
)

func main() {
	settings, err := attempt.Settings(context.Background())
	if err != nil {
		log.Fatalf("redeploy: the function's AWS settings: %v", err)
	}
	delay, err := strconv.Atoi(os.Getenv("REPLICA_DELAY_SECONDS"))
	h := handler{
		ecs: ecs.NewFromConfig(settings), sqs: sqs.NewFromConfig(settings), secrets: secretsmanager.NewFromConfig(settings),
		cluster: os.Getenv("CLUSTER"), service: os.Getenv("SERVICE"),
		failed: os.Getenv("FAILED_QUEUE"), secret: os.Getenv("SECRET"),
		delay: time.Duration(delay) * time.Second, logf: log.Printf,
	}
	if err != nil || h.cluster == "" || h.service == "" || h.failed == "" || h.secret == "" {
		log.Fatal("redeploy: want CLUSTER, SERVICE, SECRET, FAILED_QUEUE and REPLICA_DELAY_SECONDS")
	}
	lambda.Start(h.handle)
}
