package local

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// One variable of a developer's shell would send a part of the calls to AWS.
func TestTheCLISeesNoOtherEndpointAndNoCredentials(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3":                 "https://s3.amazonaws.com",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
		"AWS_PROFILE":                         "production",
		"AWS_ACCESS_KEY_ID":                   "AKIDREAL",
		"AWS_SESSION_TOKEN":                   "real",
		"AWS_CONFIG_FILE":                     "/somewhere/config",
		"HTTPS_PROXY":                         "http://proxy.example.com:3128",
		"https_proxy":                         "http://proxy.example.com:3128",
		"NODE_OPTIONS":                        "--require /somewhere/agent.js",
		"PATH":                                "/somewhere/bin",
	} {
		t.Setenv(name, value)
	}
	env := processEnvironment("http://127.0.0.1:4566", "111111111111", "sa-east-1")
	all := strings.Join(env, "\n")
	for _, leak := range []string{"amazonaws.com", "IGNORE_CONFIGURED", "AWS_PROFILE", "AKIDREAL", "SESSION_TOKEN", "proxy", "NODE_OPTIONS", "/somewhere/config"} {
		assert.NotContains(t, all, leak)
	}
	assert.Contains(t, env, "AWS_ENDPOINT_URL=http://127.0.0.1:4566")
	assert.Contains(t, env, "AWS_ACCESS_KEY_ID=111111111111")
	assert.Contains(t, env, "PATH=/somewhere/bin")
	assert.Contains(t, env, "AWS_EC2_METADATA_DISABLED=true")
}
