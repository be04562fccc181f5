package fakeaws

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// readCBOR decodes a request of the RPC protocol that CloudWatch and Region
// switch speak, and finds its operation in the path.
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
func readCBOR(r request) (string, cbor.Map, *fault) {
	operation := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return operation, nil, refuse("SerializationException", err.Error())
	}
	if len(body) == 0 {
		return operation, cbor.Map{}, nil
	}
	value, err := cbor.Decode(body)
	if err != nil {
		return operation, nil, refuse("SerializationException", err.Error())
	}
	fields, _ := value.(cbor.Map)
	return operation, fields, nil
}

func writeCBOR(w http.ResponseWriter, result cbor.Map, failed *fault) {
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	if failed != nil {
		w.WriteHeader(failed.status)
		result = cbor.Map{"__type": cbor.String(failed.code), "message": cbor.String(failed.message)}
	}
	_, _ = w.Write(cbor.Encode(result)) // the reader is gone
}

func textOf(fields cbor.Map, name string) string {
	text, _ := fields[name].(cbor.String)
	return string(text)
}

func listOf(fields cbor.Map, name string) cbor.List {
	list, _ := fields[name].(cbor.List)
	return list
}

func instant(t time.Time) cbor.Value {
	return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(t.UnixMilli()) / 1000)}
}
