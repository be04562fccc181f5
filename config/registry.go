package config

// Registry is how long images stay in ECR.
type Registry struct {
	// UntaggedDays is how long an image without a tag stays: what an interrupted
	// push leaves behind.
	UntaggedDays int
}

func validateRegistry(p *problems, r Registry) {
	between(p, "Registry.UntaggedDays", r.UntaggedDays, 1, maxDays)
}
