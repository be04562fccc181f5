// Command redeploy starts a deployment of the service after the database's
// password was rotated, so that no task outlives the password that it logged in
// with. Events of the rotation reach it through a queue; a message stays in the
// queue until a deployment that began after it has succeeded.
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func main() {
	configuration, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatalf("redeploy: the function's AWS settings: %v", err)
	}
	h := handler{ecs: ecs.NewFromConfig(configuration), cluster: os.Getenv("CLUSTER"), service: os.Getenv("SERVICE"), logf: log.Printf}
	if h.cluster == "" || h.service == "" {
		log.Fatal("redeploy: want CLUSTER and SERVICE")
	}
	lambda.Start(h.handle)
}
