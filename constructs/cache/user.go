package cache

import (
	"encoding/json"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awselasticache"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/constructs/acknowledge"
)

const (
	userName = "wallet"
	// passwordLength lies within the 16 to 128 characters that ElastiCache takes.
	passwordLength = 64
)

// access is what a cache client does: read and write keys, in transactions too
// (Quarkus fills a cache entry under WATCH), and manage its connection (AUTH,
// HELLO, PING, CLIENT, COMMAND). The categories hold a few commands that stop a
// server or lay it bare (KEYS, FLUSHALL, CLIENT KILL); taking @dangerous out
// removes them, and @scripting those that load or drop Lua (FUNCTION LOAD is a write).
// What a cluster client asks to find a key's node belongs to no
// category of these and is named.
var access = strings.Join([]string{
	"on", "~*", "-@all",
	"+@read", "+@write", "+@transaction", "+@connection",
	"-@admin", "-@dangerous", "-@scripting",
	"+cluster|slots", "+cluster|shards", "+cluster|nodes",
}, " ")

// noAccess disables a user.
const noAccess = "off ~* -@all"

// newSecret makes the service's user name and password.
func newSecret(own constructs.Construct, props Props, key awskms.IKey) awssecretsmanager.Secret {
	// By its ARN, the key keeps its policy: CDK would add a statement with
	// wildcards that repeats what the account may do already.
	byARN := awskms.Key_FromKeyArn(own, new("SecretKey"), key.KeyArn())
	template, err := json.Marshal(map[string]string{"username": userName})
	if err != nil {
		panic(err) // a map of texts always encodes
	}
	// A name of its own that stays behind would stop the next deployment of an
	// environment that is made to come and go.
	removal := awscdk.RemovalPolicy_DESTROY
	if props.Protected {
		removal = awscdk.RemovalPolicy_RETAIN
	}
	secret := awssecretsmanager.NewSecret(own, new("Secret"), &awssecretsmanager.SecretProps{
		SecretName:    new(props.Names.CacheSecret()),
		Description:   new("The wallet service's cache user"),
		EncryptionKey: byARN,
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{
			SecretStringTemplate: new(string(template)),
			GenerateStringKey:    new("password"),
			PasswordLength:       jsii.Number(passwordLength),
			// The password stands in a URL (rediss://user:password@host).
			ExcludePunctuation: new(true),
		},
		RemovalPolicy: removal,
	})
	acknowledge.Finding(secret, "AwsSolutions-SMG4", "ElastiCache rotates no password by itself, and a running task keeps the one it started with: a scheduled change would cut tasks off. "+
		"The user opens a cache that holds nothing but copies, from inside the VPC only; a person replaces the password with the two that ElastiCache lets a user have")
	return secret
}

// newUsers makes the group of users that the cache knows: the service's, and the
// one named "default", as whom a client comes that gives no name. Redis demands
// that the group has it; it is switched off.
func newUsers(own constructs.Construct, props Props, secret awssecretsmanager.ISecret) awselasticache.CfnUserGroup {
	// CloudFormation reads the password when it creates the user, so it is in no
	// template. The disabled user gets one too: were it ever switched on, it would
	// not stand open.
	password := map[string]any{
		"Type":      "password",
		"Passwords": []*string{secret.SecretValueFromJson(new("password")).UnsafeUnwrap()},
	}
	newUser := func(id, userID, name, accessString string) *string {
		return awselasticache.NewCfnUser(own, new(id), &awselasticache.CfnUserProps{
			Engine:             new(props.Cache.Engine),
			UserId:             new(props.Names.CacheUserID(userID)),
			UserName:           new(name),
			AccessString:       new(accessString),
			AuthenticationMode: password,
		}).Ref()
	}
	return awselasticache.NewCfnUserGroup(own, new("Users"), &awselasticache.CfnUserGroupProps{
		Engine:      new(props.Cache.Engine),
		UserGroupId: new(props.Names.CacheUserID("users")),
		UserIds: &[]*string{
			newUser("DefaultUser", "default", "default", noAccess),
			newUser("AppUser", "app", userName, access),
		},
	})
}
