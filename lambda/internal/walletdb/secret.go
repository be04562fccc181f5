// Package walletdb is what the functions that log in to the database share:
// how they read a secret and how they connect with it.
package walletdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// cloneSuffix is what Secrets Manager's own functions append to the name of the
// second user when they alternate between two; ours keep to it.
const cloneSuffix = "_clone"

// Alternates returns the two names between which rotation alternates a user that
// has one of them.
func Alternates(user string) (base, clone string) {
	base = strings.TrimSuffix(user, cloneSuffix)
	return base, base + cloneSuffix
}

// Credentials are the fields of a database secret that matter to a connection.
type Credentials struct {
	Username string      `json:"username"`
	Password string      `json:"password"`
	Host     string      `json:"host"`
	Port     json.Number `json:"port"`
	// Master is the ARN of the administrator's secret in the secret of a user that
	// rotation alternates, and empty in others.
	Master string `json:"masterarn"`
}

// SecretReader is the part of Secrets Manager that reads.
type SecretReader interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Read returns the current version of a secret.
func Read(ctx context.Context, secrets SecretReader, arn string) (Credentials, error) {
	value, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new(arn)})
	if err != nil {
		return Credentials{}, fmt.Errorf("cannot be read: %w", err)
	}
	return Parse(value)
}

// Parse takes the credentials out of a version of a secret.
func Parse(value *secretsmanager.GetSecretValueOutput) (Credentials, error) {
	var found Credentials
	// The parser's error can quote the secret, so it is not passed on.
	if value.SecretString == nil || json.Unmarshal([]byte(*value.SecretString), &found) != nil {
		return Credentials{}, errors.New("want a JSON object with text fields")
	}
	if found.Username == "" || found.Password == "" || found.Host == "" || found.Port == "" {
		return Credentials{}, errors.New("want username, password, host and port, got one of them empty")
	}
	return found, nil
}
