package mysql

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// cloud is what the functions of the database's users ask AWS for, on loopback: Secrets
// Manager, the service's tasks in ECS, EventBridge. MiniStack cannot stand in: its
// rotation makes no empty version and keeps no date, and a version can be changed.
type cloud struct {
	*breaker
	lock    sync.Mutex
	secrets map[string]*secret
	tasks   []time.Time // when they were created
	told    []string    // regions whose bus got an event
	URL     string
}

// secret is a secret with its versions by their ID.
type secret struct {
	versions map[string]*version
	rotated  *time.Time
}

// version has no content after RotateSecret ("an empty secret version").
type version struct {
	content string
	stages  []string
	created time.Time
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{breaker: &breaker{}, secrets: map[string]*secret{}}
	server := httptest.NewServer(http.HandlerFunc(c.serve))
	c.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return c
}

// refusal is an error of AWS, by its code.
type refusal string

func (r refusal) Error() string { return string(r) }

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	ends := c.begin(operation)
	var in map[string]any
	answer, err := map[string]any{}, json.NewDecoder(r.Body).Decode(&in)
	if err == nil {
		c.lock.Lock()
		// …/20261201/sa-east-1/ecs/aws4_request
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=test/")
		answer, err = c.answer(operation, strings.Split(scope, "/")[1], in)
		c.lock.Unlock()
	}
	if ends {
		c.end()
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"__type": err.Error(), "message": operation}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (c *cloud) answer(operation, region string, in map[string]any) (map[string]any, error) {
	switch operation {
	case "ListTasks":
		arns := []string{}
		for i := range c.tasks {
			arns = append(arns, fmt.Sprint("arn:aws:ecs:", region, ":111111111111:task/", i))
		}
		return map[string]any{"taskArns": arns}, nil
	case "DescribeTasks":
		tasks := []any{}
		for i, created := range c.tasks {
			tasks = append(tasks, map[string]any{"taskArn": fmt.Sprint("task/", i), "desiredStatus": "RUNNING", "createdAt": created.Unix()})
		}
		return map[string]any{"tasks": tasks}, nil
	case "PutEvents":
		c.told = append(c.told, region)
		return map[string]any{"FailedEntryCount": 0, "Entries": []any{map[string]any{"EventId": "1"}}}, nil
	case "GetRandomPassword":
		length, _ := in["PasswordLength"].(float64)
		excluded, _ := in["ExcludeCharacters"].(string)
		return map[string]any{"RandomPassword": randomPassword(int(length), excluded)}, nil
	}
	name, _ := in["SecretId"].(string)
	found := c.secrets[name]
	if found == nil {
		return nil, refusal("ResourceNotFoundException")
	}
	return found.answer(operation, in)
}

// randomPassword is API_GetRandomPassword: letters, digits and punctuation but for what
// is excluded.
func randomPassword(length int, excluded string) string {
	var password strings.Builder
	for password.Len() < length {
		n, err := rand.Int(rand.Reader, big.NewInt('~'-'!'+1))
		if err != nil {
			panic(err) // it never fails
		}
		if letter := rune('!' + n.Int64()); !strings.ContainsRune(excluded, letter) {
			password.WriteRune(letter)
		}
	}
	return password.String()
}

func (s *secret) answer(operation string, in map[string]any) (map[string]any, error) {
	text := func(name string) string { value, _ := in[name].(string); return value }
	switch operation {
	case "DescribeSecret":
		stages := map[string][]string{}
		for id, each := range s.versions {
			stages[id] = each.stages
		}
		answer := map[string]any{"RotationEnabled": true, "VersionIdsToStages": stages}
		if s.rotated != nil {
			answer["LastRotatedDate"] = s.rotated.Unix()
		}
		return answer, nil
	case "GetSecretValue":
		return s.value(text("VersionId"), text("VersionStage"))
	case "ListSecretVersionIds":
		all := []any{}
		for _, id := range slices.Sorted(maps.Keys(s.versions)) {
			all = append(all, map[string]any{"VersionId": id, "VersionStages": s.versions[id].stages})
		}
		return map[string]any{"Versions": all}, nil
	case "PutSecretValue":
		return map[string]any{}, s.put(text("ClientRequestToken"), text("SecretString"))
	case "UpdateSecretVersionStage":
		return map[string]any{}, s.move(text("VersionStage"), text("RemoveFromVersionId"), text("MoveToVersionId"))
	}
	return nil, refusal("UnknownOperationException")
}

// value is API_GetSecretValue: by ID, by stage, or both, which must fit.
func (s *secret) value(id, stage string) (map[string]any, error) {
	if id == "" && stage == "" {
		stage = current
	}
	for each, v := range s.versions {
		if (id == "" || id == each) && (stage == "" || slices.Contains(v.stages, stage)) && v.content != "" {
			return map[string]any{"SecretString": v.content, "VersionId": each, "VersionStages": v.stages, "CreatedDate": v.created.Unix()}, nil
		}
	}
	return nil, refusal("ResourceNotFoundException")
}

// put is API_PutSecretValue: a version cannot be changed, and the same again does nothing.
func (s *secret) put(id, content string) error {
	v := s.versions[id]
	if v == nil || v.content != "" && v.content != content {
		return refusal("ResourceExistsException")
	}
	v.content = content
	return nil
}

// move is API_UpdateSecretVersionStage: the label must be where it is taken from, and
// AWSPREVIOUS goes to the version that was current.
func (s *secret) move(stage, from, to string) error {
	if s.versions[from] == nil || s.versions[to] == nil || !slices.Contains(s.versions[from].stages, stage) {
		return refusal("InvalidParameterException")
	}
	for _, v := range s.versions {
		v.stages = slices.DeleteFunc(v.stages, func(each string) bool { return each == stage || each == previous })
	}
	s.versions[from].stages = append(s.versions[from].stages, previous)
	s.versions[to].stages = append(s.versions[to].stages, stage)
	return nil
}

// rotate begins a rotation, as API_RotateSecret does: with an empty version, which has
// the label AWSPENDING.
func (s *secret) rotate() (token string) {
	token = rand.Text()
	for _, v := range s.versions {
		v.stages = slices.DeleteFunc(v.stages, func(each string) bool { return each == pending })
	}
	s.versions[token] = &version{stages: []string{pending}, created: time.Now()}
	return token
}

// of is the content of the version with a label.
func (s *secret) of(stage string) (content map[string]string) {
	for _, v := range s.versions {
		if slices.Contains(v.stages, stage) {
			var fields map[string]any
			_ = json.Unmarshal([]byte(v.content), &fields)
			content = map[string]string{}
			for name, value := range fields {
				content[name] = fmt.Sprint(value)
			}
		}
	}
	return content
}

// The labels of versions.
const current, pending, previous = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
