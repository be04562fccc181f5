package config

import "embed"

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
