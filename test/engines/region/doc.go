// Package region loses São Paulo. Production is deployed from its templates into both
// regions of an AWS emulator, one region stops answering, and the synthesized Region
// switch plans are carried out step by step, as AWS documents the steps. What is right
// then comes from config and from AWS's documentation, never from the plans.
//
// Region switch itself exists in no emulator. Each run says what ran, what is imitated
// here, and what only an account can show.
package region
