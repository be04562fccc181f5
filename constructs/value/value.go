// Package value keeps the values of CDK that never change, such as a port or a time,
// so that each crosses to CDK's own process once and not for every construct that
// uses it.
package value

import (
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
)

// kept are the values by what they are. CDK for Go knows one goroutine.
var kept = map[string]any{}

// Reset forgets the values, which belong to a process of CDK that may have ended. An
// app begins with it.
func Reset() { clear(kept) }

// Once makes a value where it is not kept yet. The key tells it from all others.
func Once[T any](key string, make func() T) T {
	if known, ok := kept[key]; ok {
		return known.(T)
	}
	made := make()
	kept[key] = made
	return made
}

// Duration is a time in CDK's words, in whole seconds.
func Duration(d time.Duration) awscdk.Duration {
	return Once("duration "+d.String(), func() awscdk.Duration { return awscdk.Duration_Seconds(jsii.Number(d.Seconds())) })
}

// Days is a time of whole days.
func Days(count int) awscdk.Duration { return Duration(time.Duration(count) * 24 * time.Hour) }

// TCP is a port of TCP.
func TCP(port int) awsec2.Port {
	return Once("tcp "+strconv.Itoa(port), func() awsec2.Port { return awsec2.Port_Tcp(jsii.Number(port)) })
}

// AnyIPv4 is every address.
func AnyIPv4() awsec2.IPeer { return Once("any", awsec2.Peer_AnyIpv4) }

// Service is an AWS service as a role's principal, such as "lambda.amazonaws.com".
func Service(name string) awsiam.IPrincipal {
	return Once("service "+name, func() awsiam.IPrincipal { return awsiam.NewServicePrincipal(new(name), nil) })
}
