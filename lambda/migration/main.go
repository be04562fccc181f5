// Command migration is the hook by which a deployment of the service changes the
// database's schema before the new version's tasks are made (PRE_SCALE_UP). It
// starts the release's migration task and looks at it each time that ECS calls, so
// that no function is held open meanwhile.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"wallet-infra/lambda/internal/attempt"
)

func main() {
	configuration, err := attempt.Settings(context.Background())
	if err != nil {
		log.Fatalf("migration: the function's AWS settings: %v", err)
	}
	settings, err := readSettings(os.Getenv)
	if err != nil {
		log.Fatalf("migration: %v", err)
	}
	h := handler{settings: settings, ecs: ecs.NewFromConfig(configuration), now: time.Now, logf: log.Printf}
	if settings.otherRegion != "" {
		h.other = ecs.NewFromConfig(configuration, func(o *ecs.Options) { o.Region = settings.otherRegion })
	}
	lambda.Start(h.handle)
}

// settings are the function's environment variables.
type settings struct {
	cluster        string
	taskDefinition string // ARN with its revision
	container      string // whose exit status counts
	// serviceContainer is the service's, whose image names a release. The other
	// region's service is empty where there is none.
	serviceContainer                        string
	otherRegion, otherCluster, otherService string
	subnets                                 []string
	securityGroups                          []string
	timeout                                 time.Duration // from the task's creation to its end
	startTimeout                            time.Duration // from the first call until a task runs
}

// readSettings reports every variable that is missing or wrong.
func readSettings(get func(string) string) (settings, error) {
	var problems []error
	text := func(name string) string {
		value := get(name)
		if value == "" {
			problems = append(problems, fmt.Errorf("%s: want a value, got none", name))
		}
		return value
	}
	seconds := func(name string) time.Duration {
		value, err := strconv.Atoi(get(name))
		if err != nil || value <= 0 {
			problems = append(problems, fmt.Errorf("%s: want seconds above 0, got %q", name, get(name)))
		}
		return time.Duration(value) * time.Second
	}
	found := settings{
		cluster:        text("CLUSTER"),
		taskDefinition: text("TASK_DEFINITION"),
		container:      text("CONTAINER"),
		subnets:        strings.Split(text("SUBNETS"), ","),
		securityGroups: strings.Split(text("SECURITY_GROUPS"), ","),
		timeout:        seconds("TIMEOUT_SECONDS"),
		startTimeout:   seconds("START_TIMEOUT_SECONDS"),

		serviceContainer: text("SERVICE_CONTAINER"),
		otherRegion:      get("OTHER_REGION"),
	}
	if found.otherRegion != "" {
		found.otherCluster, found.otherService = text("OTHER_CLUSTER"), text("OTHER_SERVICE")
	}
	return found, errors.Join(problems...)
}
