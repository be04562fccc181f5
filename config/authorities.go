package config

import "wallet-infra/config/authorities"

// DatabaseAuthorities returns the root certificates of the region's databases as
// PEM, or nothing for a region whose file is not in config/authorities.
func (r Region) DatabaseAuthorities() string { return authorities.PEM(r.Name) }
