package config

import "wallet-infra/config/cabundle"

// DatabaseCABundle returns the root certificates of the region's databases as
// PEM, or nothing for a region whose file is not in config/cabundle.
func (r Region) DatabaseCABundle() string { return cabundle.PEM(r.Name) }
