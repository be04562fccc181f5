// Judges the templates of cloud assemblies by the rules of cdk-preflight: what AWS's
// services refuse and no schema says, each rule reproduced against AWS.
//
//   node scripts/preflight.mjs DIRECTORY...
//
// Prints one line for each finding and exits with 1 where there is one, with 2 where
// there is nothing to judge.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
// The package's public door takes a CDK app in JavaScript; this is what stands behind
// it, which takes templates. Its version is pinned in package.json.
const { PreflightEnforcePlugin } = require('cdk-preflight/lib/private/enforce.js');
const { BUNDLED_RULES } = require('cdk-preflight/lib/rules.generated.js');

/** The stacks of an assembly and of those nested in it, with account and region. */
function stacksOf(directory) {
  const { artifacts = {} } = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
  return Object.values(artifacts).flatMap((artifact) => {
    switch (artifact.type) {
      case 'cdk:cloud-assembly':
        return stacksOf(join(directory, artifact.properties.directoryName));
      case 'aws:cloudformation:stack': {
        const [account, region] = artifact.environment.replace('aws://', '').split('/');
        return [{ name: artifact.displayName.split(' ')[0], account, region, path: join(directory, artifact.properties.templateFile) }];
      }
      default:
        return [];
    }
  });
}

/** The rules' objections. One engine serves all templates of an account and region. */
function judge(stacks) {
  const places = new Set(stacks.map(({ account, region }) => `${account}/${region}`));
  return [...places].flatMap((place) => {
    const [account, region] = place.split('/');
    const group = stacks.filter((stack) => stack.account === account && stack.region === region);
    const { violations } = new PreflightEnforcePlugin(BUNDLED_RULES, false).validate({
      accountId: account,
      region,
      stackTemplates: group.map(({ name, path }) => ({ stackConstructPath: name, templatePath: path })),
    });
    return violations.flatMap(({ ruleName, description, violatingResources }) => violatingResources.map((resource) => {
      const { name, path } = group.find(({ path: of }) => of === resource.templatePath);
      return { rule: ruleName, description, construct: constructOf(path, resource.resourceLogicalId) ?? name, where: resource.locations.join() };
    }));
  });
}

function constructOf(path, logicalId) {
  return JSON.parse(readFileSync(path, 'utf8')).Resources?.[logicalId]?.Metadata?.['aws:cdk:path'];
}

const stacks = process.argv.slice(2).flatMap(stacksOf);
if (stacks.length === 0) {
  console.error('preflight: no stack in the directories given (run make synth first)');
  process.exit(2);
}
const findings = judge(stacks);
for (const { rule, description, construct, where } of findings) {
  console.log(`${rule}: ${construct}: ${description} (${where})`);
}
if (findings.length > 0) process.exit(1);
console.log(`cdk-preflight has no finding in ${stacks.length} templates (${BUNDLED_RULES.length} rules).`);
