package config

import (
	"fmt"
	"regexp"
	"strings"
)

// GitHub says which repositories the account trusts, and what their workflows
// may do there is decided by constructs/identity.
type GitHub struct {
	// Platform is the repository of this program: it deploys, and pushes the
	// images that change the schema.
	Platform Repository
	// Service is the repository of the wallet service, which pushes its images.
	// It may be the same one.
	Service Repository
	// Branch is the protected branch of both, such as "main": nothing else deploys
	// or pushes an image.
	Branch string
	// SharedProvider says that the account has GitHub as an identity provider
	// already, made by somebody else. An account can have one only, and the
	// platform makes it otherwise.
	SharedProvider bool
}

// Repository is a repository on github.com with the numbers that GitHub never
// gives to another one. Whoever takes over a name that was given up has other
// numbers, and is not trusted.
type Repository struct {
	Owner   string // the organization or user, such as "example"
	OwnerID int    // its number: `gh api repos/OWNER/NAME --jq .owner.id`
	Name    string // without its owner, such as "wallet-infra"
	ID      int    // its number: `gh api repos/OWNER/NAME --jq .id`
}

// Subject is how GitHub's tokens name a repository and what runs in it: `when` is
// "pull_request", "ref:refs/heads/main" or "environment:production". The numbers
// stand in it for every repository made since 15 July 2026, and for older ones
// whose owner chose it.
func (r Repository) Subject(when string) string {
	return fmt.Sprintf("repo:%s@%d/%s@%d:%s", r.Owner, r.OwnerID, r.Name, r.ID, when)
}

// GitHubIssuer is the host that signs the tokens of GitHub's workflows.
const GitHubIssuer = "token.actions.githubusercontent.com"

// walletGitHub is a part of Site that all environments share: a fork fills it in
// here, once. The numbers of a repository are shown by
// `gh api repos/OWNER/NAME --jq '.owner.id, .id'`.
func walletGitHub() GitHub {
	return GitHub{
		Platform: Repository{Owner: "example", OwnerID: 1000001, Name: "wallet-infra", ID: 2000001},
		Service:  Repository{Owner: "example", OwnerID: 1000001, Name: "wallet-service", ID: 2000002},
		Branch:   "main",
	}
}

var (
	// A GitHub account: letters, digits and single hyphens inside.
	ownerPattern = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$`)
	// A GitHub repository.
	repositoryPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	// A branch by one plain name: patterns and paths have no place in a trust.
	branchPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// validateGitHub wants exact names and numbers: whatever stands here is let into
// the account.
func validateGitHub(p *problems, github GitHub) {
	branch := github.Branch
	p.check(branchPattern.MatchString(branch) && !strings.Contains(branch, "..") && !strings.HasSuffix(branch, ".") && !strings.HasSuffix(branch, ".lock"),
		"Site.GitHub.Branch", branch, "the name of one branch, without a path or a pattern")
	before := len(p.found)
	for _, r := range []struct {
		field string
		Repository
	}{
		{"Site.GitHub.Platform", github.Platform},
		{"Site.GitHub.Service", github.Service},
	} {
		p.check(ownerPattern.MatchString(r.Owner), r.field+".Owner", r.Owner, "the name of a GitHub account")
		p.check(repositoryPattern.MatchString(r.Name) && r.Name != "." && r.Name != ".." && !strings.HasSuffix(r.Name, ".git"),
			r.field+".Name", r.Name, "the name of a GitHub repository, without its owner")
		p.check(r.OwnerID > 0, r.field+".OwnerID", r.OwnerID, "the number that GitHub gave to the owner")
		p.check(r.ID > 0, r.field+".ID", r.ID, "the number that GitHub gave to the repository")
	}
	if len(p.found) == before {
		validateNumbers(p, github.Platform, github.Service)
	}
}

// validateNumbers refuses one number for two names, and two for one.
func validateNumbers(p *problems, platform, service Repository) {
	sameOwner := strings.EqualFold(platform.Owner, service.Owner)
	p.check(sameOwner == (platform.OwnerID == service.OwnerID), "Site.GitHub.Service.OwnerID", service.OwnerID, "a number for each owner, and one for the same")
	sameName := sameOwner && strings.EqualFold(platform.Name, service.Name)
	p.check(sameName == (platform.ID == service.ID), "Site.GitHub.Service.ID", service.ID, "a number for each repository, and one for the same")
}
