package changes

// securityRules: identities, keys and secrets.
var securityRules = map[string][]rule{
	role: {
		judgedElsewhere("AssumeRolePolicyDocument", permissionsOfAll, readsAsPolicy),
		harmless("Description", "a text for readers"),
		judgedElsewhere("ManagedPolicyArns", permissionsOfAll, anyChange),
		row("MaxSessionDuration", when("less", smaller, Interrupts, "work that takes longer is cut off"), when("not less", unless(smaller), Widens, "whoever takes the role has it for longer")),
		row("PermissionsBoundary", comes(Interrupts, "a boundary limits what it may do"), alters(Widens, "another boundary limits what it may do"), goes(Widens, "no boundary limits what it may do")),
		judgedElsewhere("Policies", permissionsOfAll, readsAsPolicies),
	},
	"AWS::IAM::ManagedPolicy": {
		judgedElsewhere("PolicyDocument", permissionsOfAll, readsAsPolicy),
		judgedElsewhere("Roles", permissionsOfAll, anyChange),
	},
	"AWS::IAM::Policy": {
		judgedElsewhere("PolicyDocument", permissionsOfAll, readsAsPolicy),
		judgedElsewhere("Roles", permissionsOfAll, anyChange),
	},
	"AWS::KMS::Alias": {
		row("TargetKeyId", when("own", ownResource, Safe, "a name of a key; what is encrypted stays under its own"), when("elsewhere", unless(ownResource), Enters, "what names the key by it uses one that is not in the template")),
	},
	"AWS::KMS::Key": {
		harmless("Description", "a text for readers"),
		must("Enabled", "|true", Interrupts, "nothing can be decrypted with the key"),
		must("EnableKeyRotation", "true", Weakens, "the key is no longer rotated"),
		judgedElsewhere("KeyPolicy", permissionsOfAll, readsAsPolicy),
		row("PendingWindowInDays", up(Safe, "more time to notice that a key is about to go"), down(Weakens, "less time to notice that a key is about to go")),
	},
	"AWS::KMS::ReplicaKey": {
		harmless("Description", "a text for readers"),
		judgedElsewhere("KeyPolicy", permissionsOfAll, readsAsPolicy),
	},
	"AWS::SecretsManager::ResourcePolicy": {
		must("BlockPublicPolicy", "true", Widens, "the policy may be a public one"),
		judgedElsewhere("ResourcePolicy", permissionsOfAll, readsAsPolicy),
	},
	"AWS::SecretsManager::RotationSchedule": {
		must("RotateImmediatelyOnUpdate", "false", Interrupts, "the secret is rotated at once"),
		every("RotationLambdaARN", Enters, "another function knows and sets the secret"),
		every("RotationRules", Weakens, "the secret is rotated at other times, or less often"),
	},
	"AWS::SecretsManager::Secret": {
		harmless("Description", "a text for readers"),
		every("GenerateSecretString", Interrupts, "a new value is generated, which nobody has set where it is needed", reference+"aws-resource-secretsmanager-secret.html"),
		every("KmsKeyId", Weakens, "the secret is under another key"),
		row("ReplicaRegions/*", comes(Widens, "another region has a copy of the secret"), goes(Weakens, "a region loses its copy of the secret")),
		every("ReplicaRegions/*/KmsKeyId", Weakens, "a copy is under another key"),
		every("SecretString", Interrupts, "the value is another one, which nobody has set where it is needed", reference+"aws-resource-secretsmanager-secret.html"),
	},
	"AWS::SecretsManager::SecretTargetAttachment": {
		every("TargetId", Interrupts, "the secret names another database"),
	},
}
