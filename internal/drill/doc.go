// Package drill starts the real Region switch plan of an account and follows it
// ([Following]), and asks Region switch whether it would go through ([Evaluate]). What
// the plans do is rehearsed in test/engines/region.
package drill
