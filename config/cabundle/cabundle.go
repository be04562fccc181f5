// Package cabundle holds the root certificates that RDS signs its servers
// with. It is a package of its own because it is all that the functions in lambda/
// know of the configuration: a function changes with the certificates and not
// with every number of an environment.
package cabundle

import "embed"

// files holds one file for each region (RSA 2048, RSA 4096 and ECC 384; the first
// expires in 2061). Neither a JVM nor Lambda knows them. They are what
// https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem serves.
//
//go:embed *.pem
var files embed.FS

// PEM returns the root certificates of a region's databases, or nothing for a
// region whose file is not here.
func PEM(region string) string {
	pem, err := files.ReadFile(region + ".pem")
	if err != nil {
		return ""
	}
	return string(pem)
}
