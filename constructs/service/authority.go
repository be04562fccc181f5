package service

import (
	"embed"
	"fmt"

	"wallet-infra/config"
)

// authorities holds, for each region, the root certificates that RDS signs its
// servers with (RSA 2048, RSA 4096 and ECC 384; they expire from 2061). A JVM
// does not know them. They are what
// https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem serves.
//
//go:embed authorities/*.pem
var authorities embed.FS

// databaseAuthorities returns a region's RDS root certificates as PEM.
func databaseAuthorities(region config.Region) string {
	pem, err := authorities.ReadFile("authorities/" + region.Name + ".pem")
	if err != nil {
		panic(fmt.Errorf("constructs/service/authorities has no RDS certificates of region %s: %w", region.Name, err))
	}
	return string(pem)
}
