package config

import (
	"embed"
	"time"
)

// What the deployment must know of the application, read from its repository.

// DatabasePools is the number of connection pools in one task of the wallet
// service: default, write and read.
const DatabasePools = 3

// CachePoolSize is the number of connections of one task to the cache.
const CachePoolSize = 20

// AppUser is the user that the service's image runs as.
const AppUser = 185

// ReadyPath answers whether a task can take requests. The whole-service check,
// one level up, has been seen to fail while the service worked.
const ReadyPath = "/q/health/ready"

// walletHealth asks for readiness. The answer waits for the database (3 s at
// most), the cache and the broker, so the time limit is above that; and since a
// short loss of one of them makes every task unready at once, it takes nearly a
// minute of it before tasks are replaced.
func walletHealth() HealthCheck {
	return HealthCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 5}
}

// authorities holds, for each region, the root certificates that RDS signs its
// servers with (RSA 2048, RSA 4096 and ECC 384; the first expires in 2061). A
// JVM does not know them. They are what
// https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem serves.
//
//go:embed authorities/*.pem
var authorities embed.FS

// DatabaseAuthorities returns the root certificates of the region's databases as
// PEM, or nothing for a region whose file is not in config/authorities.
func (r Region) DatabaseAuthorities() string {
	pem, err := authorities.ReadFile("authorities/" + r.Name + ".pem")
	if err != nil {
		return ""
	}
	return string(pem)
}
