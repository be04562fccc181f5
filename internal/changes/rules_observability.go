package changes

import "slices"

// observabilityRules: who is told of what, and what is recorded.
var observabilityRules = map[string][]rule{
	"AWS::CloudWatch::Alarm": slices.Concat(alarmRules, []rule{
		every("ComparisonOperator", Weakens, "the alarm is about the other direction"),
		row("DatapointsToAlarm", when("less", smaller, Safe, "it alarms sooner"), when("not less", unless(smaller), Weakens, "it alarms later")),
		every("Dimensions", Weakens, "the alarm watches something else"),
		every("EvaluateLowSampleCountPercentile", Weakens, "it alarms by fewer or more samples"),
		every("EvaluationPeriods", Weakens, "it alarms by a longer or shorter time"),
		every("ExtendedStatistic", Weakens, "the alarm watches something else"),
		every("MetricName", Weakens, "the alarm watches something else"),
		every("Metrics", Weakens, "the alarm watches something else"),
		harmless("Metrics/*/Label", "a name for readers"),
		every("Namespace", Weakens, "the alarm watches something else"),
		every("Period", Weakens, "it alarms by a longer or shorter time"),
		every("Statistic", Weakens, "the alarm watches something else"),
		row("Threshold", when("sooner", alarmsSooner, Safe, "it alarms sooner"), when("later", unless(alarmsSooner), Weakens, "it alarms later, or never")),
		row("TreatMissingData", becomes(Safe, "silence alarms", "breaching"), when("leaves breaching", leaves([]string{"breaching"}), Weakens, "silence does not alarm")),
	}),
	"AWS::CloudWatch::CompositeAlarm": slices.Concat(alarmRules, []rule{
		every("AlarmRule", Weakens, "it alarms by other alarms"),
	}),
	"AWS::CloudWatch::Dashboard": {
		row("DashboardBody", alters(Safe, "a picture for readers, which nothing acts on")),
	},
	"AWS::Events::Rule": {
		harmless("Description", "a text for readers"),
		every("EventPattern", Weakens, "other events reach its targets"),
		every("ScheduleExpression", Weakens, "its targets are called at other times"),
		must("State", "|ENABLED", Weakens, "its events reach nobody"),
		row("Targets/*", comes(Enters, "its events reach someone else, or start something else"), goes(Weakens, "its events reach fewer")),
		row("Targets/*/Arn", when("inside", unless(growsOutside), Enters, "its events reach someone else, or start something else"), startsOutside()),
		every("Targets/*/InputTransformer", Weakens, "its targets are told something else"),
		every("Targets/*/RoleArn", Enters, "its targets are called with the permissions of another role"),
		every("Targets/*/SqsParameters", Interrupts, "its messages are kept in another order"),
	},
	"AWS::Logs::LogGroup": {
		must("DeletionProtectionEnabled", "true", Weakens, "the log can be deleted"),
		every("KmsKeyId", Weakens, "the log is under another key"),
		row("RetentionInDays", when("longer", logsLonger, Safe, "entries are kept longer"), when("shorter", unless(logsLonger), Weakens, "older entries are deleted")),
	},
	"AWS::Logs::ResourcePolicy": {
		judgedElsewhere("PolicyDocument", permissionsOfAll, readsAsPolicy),
	},
	"AWS::Logs::Delivery": {
		list("RecordFields", Safe, "a field more is logged", Weakens, "a field less is logged"),
	},
	"AWS::Logs::DeliverySource": {
		every("LogType", Weakens, "another log is delivered"),
		every("ResourceArn", Weakens, "the log of something else is delivered"),
	},
	"AWS::APS::RuleGroupsNamespace": {
		row("Data", when("keeps its rules", keepsPrometheusRules, Safe, "a rule more"), when("loses a rule", unless(keepsPrometheusRules), Weakens, "an alert or a recorded metric is gone, or another one")),
	},
	"AWS::APS::Workspace": {
		every("AlertManagerDefinition", Weakens, "alerts reach others, or nobody"),
		harmless("Alias", "a name for readers"),
		every("LoggingConfiguration", Weakens, "it logs elsewhere, or not at all"),
		floor("WorkspaceConfiguration/RetentionPeriodInDays", Weakens, "metrics are kept for fewer days"),
	},
	"AWS::Grafana::Workspace": {
		every("AccountAccessType", Widens, "it reads other accounts"),
		list("AuthenticationProviders", Widens, "others may sign in", Interrupts, "fewer may sign in"),
		list("DataSources", Widens, "it reads other sources", Weakens, "it shows fewer sources"),
		harmless("Description", "a text for readers"),
		every("GrafanaVersion", Interrupts, "the workspace is upgraded, and never goes back"),
		harmless("Name", "a name for readers"),
		every("NetworkAccessControl", Widens, "others reach the workspace"),
		every("PermissionType", Enters, "AWS gives it permissions of its own"),
		must("PluginAdminEnabled", "false", Enters, "its users install code of others"),
		every("RoleArn", Enters, "it reads with the permissions of another role"),
	},
	"AWS::XRay::Group": {
		every("FilterExpression", Weakens, "other traces are looked at"),
		must("InsightsConfiguration/InsightsEnabled", "true", Weakens, "nobody looks for what is wrong in traces"),
	},
	"AWS::XRay::TransactionSearchConfig": {
		floor("IndexingPercentage", Weakens, "fewer traces can be found"),
	},
	"AWS::XRay::SamplingRule": {
		every("SamplingRule", Weakens, "other requests are traced"),
		floor("SamplingRule/FixedRate", Weakens, "fewer requests are traced"),
		floor("SamplingRule/ReservoirSize", Weakens, "fewer requests are traced"),
	},
}

// tellsOutside is an action that no template makes, also of a new alarm.
func tellsOutside() outcome {
	made := when("grows elsewhere", growsOutside, Enters, "it tells someone, or starts something, that is not in the templates")
	made.fresh = true
	return made
}

// startsOutside is a target that no template makes, also of a new rule.
func startsOutside() outcome {
	made := when("elsewhere", growsOutside, Enters, "its events reach someone, or start something, that is not in the templates")
	made.fresh = true
	return made
}

// alarmRules are those of every kind of alarm.
var alarmRules = []rule{
	must("ActionsEnabled", "|true", Weakens, "nobody hears the alarm"),
	row("AlarmActions", shrinks(Weakens, "fewer hear the alarm"), when("grows", growsInside, Safe, "more hear the alarm"), tellsOutside(), reordered()),
	harmless("AlarmDescription", "a text for readers"),
	row("OKActions", shrinks(Weakens, "fewer hear that it is over"), when("grows", growsInside, Safe, "more hear that it is over"), tellsOutside(), reordered()),
}
