// Package service makes the wallet service on Fargate.
package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsservicediscovery"
)

// Service is the running wallet, as the load balancer, the metrics and the
// alarms need it.
type Service struct {
	Fargate awsecs.FargateService
	// Discovery is the private DNS name under which Prometheus finds the tasks.
	Discovery awsservicediscovery.IService
}
