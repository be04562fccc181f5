// Command dbrotation is the Lambda function by which Secrets Manager replaces the
// database's passwords, and which announces that the application's is another one.
// AWS's own functions for it run on a Python that is past its end of support.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/walletdb"
)

func main() {
	settings, err := attempt.Settings(context.Background())
	if err != nil {
		log.Fatalf("dbrotation: the function's AWS settings: %v", err)
	}
	// The function works in the region of the writer, which Lambda tells it.
	open, err := walletdb.NewOpener(os.Getenv("AWS_REGION"))
	if err != nil {
		log.Fatalf("dbrotation: %v", err)
	}
	h, err := configure(settings, os.Getenv)
	if err != nil {
		log.Fatalf("dbrotation: %v", err)
	}
	h.secrets, h.open, h.pause = secretsmanager.NewFromConfig(settings), open, pause
	lambda.Start(h.handle)
}

// configure reads what constructs/aurora writes: the form of the first passwords,
// and where tasks hold them, the function's own region first.
func configure(settings aws.Config, get func(string) string) (handler, error) {
	length, badLength := strconv.ParseInt(get("PASSWORD_LENGTH"), 10, 64)
	delay, badDelay := strconv.Atoi(get("REPLICA_DELAY_SECONDS"))
	h := handler{length: length, excluded: get("PASSWORD_EXCLUDES"), cluster: get("CLUSTER"), service: get("SERVICE")}
	if badLength != nil || badDelay != nil || h.cluster == "" || h.service == "" || get("REGIONS") == "" {
		return h, errors.Join(errors.New("want PASSWORD_LENGTH, REPLICA_DELAY_SECONDS, CLUSTER, SERVICE and REGIONS"), badLength, badDelay)
	}
	for i, name := range strings.Split(get("REGIONS"), ",") {
		made := region{
			name:   name,
			tasks:  ecs.NewFromConfig(settings, func(o *ecs.Options) { o.Region = name }),
			events: eventbridge.NewFromConfig(settings, func(o *eventbridge.Options) { o.Region = name }),
		}
		if i > 0 {
			made.delay = time.Duration(delay) * time.Second
		}
		h.regions = append(h.regions, made)
	}
	return h, nil
}
