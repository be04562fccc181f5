package hook

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The form of the event is the developer guide's, under "Lifecycle payloads".
func TestACallOfECSIsUnderstood(t *testing.T) {
	var got Event
	require.NoError(t, json.Unmarshal([]byte(`{
		"executionId": "e8d5a28f-eb01-4f3c-9454-a30ba6dc54bc",
		"lifecycleStage": "PRE_SCALE_UP",
		"resourceArn": "arn:aws:ecs:sa-east-1:111111111111:service-deployment/c/s/EZe5RNVLH6PPzHXINuP28",
		"executionDetails": {
			"serviceArn": "arn:aws:ecs:sa-east-1:111111111111:service/c/s",
			"testTrafficWeights": {}, "productionTrafficWeights": {}
		},
		"hookDetails": {"task": "arn", "checked": true}
	}`), &got))
	assert.Equal(t, Event{
		ExecutionID: "e8d5a28f-eb01-4f3c-9454-a30ba6dc54bc", LifecycleStage: "PRE_SCALE_UP",
		ResourceARN: "arn:aws:ecs:sa-east-1:111111111111:service-deployment/c/s/EZe5RNVLH6PPzHXINuP28",
		Details:     Details{"task": "arn"},
	}, got)
}

func TestDetailsAreReadInEachFormThatTheyCanHave(t *testing.T) {
	for content, want := range map[string]Details{
		`{}`:                                   nil,
		`{"hookDetails":null}`:                 {},
		`{"hookDetails":""}`:                   nil,
		`{"hookDetails":"{\"task\":\"arn\"}"}`: {"task": "arn"},
		`{"hookDetails":{"task":"arn"}}`:       {"task": "arn"},
	} {
		var got Event
		require.NoError(t, json.Unmarshal([]byte(content), &got), content)
		assert.Equal(t, want["task"], got.Details["task"], content)
	}
	require.Error(t, json.Unmarshal([]byte(`{"hookDetails":"a word"}`), new(Event)))
}

func TestAnAnswerIsInECSsWords(t *testing.T) {
	for want, answer := range map[string]Answer{
		`{"hookStatus":"SUCCEEDED"}`: {Status: Succeeded},
		`{"hookStatus":"FAILED"}`:    {Status: Failed},
		`{"hookStatus":"IN_PROGRESS","callBackDelay":15,"hookDetails":{"task":"arn"}}`: Again(15*time.Second, Details{"task": "arn"}),
	} {
		got, err := json.Marshal(answer)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(got))
	}
}
