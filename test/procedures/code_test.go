package procedures

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stored is an object of the bootstrap's bucket, which keeps versions
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html).
type stored struct {
	body    []byte
	version string
}

// functionKey is where the code of the one function of the world goes.
const functionKey = "f00.zip"

// program is what the synthesis has for it.
const program = "the program that was synthesized"

// packed is a package as the CLI would make it.
func packed(files map[string]string) []byte {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for name, content := range files {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		file, _ := archive.CreateHeader(header)
		_, _ = file.Write([]byte(content))
	}
	_ = archive.Close()
	return out.Bytes()
}

// codeSum is a package's hash as Lambda shows it.
func codeSum(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// writeAssets adds the assets of the stack Data to a played synthesis.
func writeAssets(dir string) {
	_ = os.MkdirAll(filepath.Join(dir, "asset.f00"), 0o700)
	_ = os.WriteFile(filepath.Join(dir, "asset.f00", "bootstrap"), []byte(program), 0o700)
	_ = os.WriteFile(filepath.Join(dir, "assembly-Staging", "Data.assets.json"), []byte(`{"files": {
		"f00": {"source": {"path": "../asset.f00", "packaging": "zip"}, "destinations": {"x": {"bucketName": "assets", "objectKey": "`+functionKey+`"}}},
		"da7": {"source": {"path": "Data.json", "packaging": "file"}, "destinations": {"x": {"bucketName": "assets", "objectKey": "da7.json"}}}}}`), 0o600)
}

// upload plays the CLI, which leaves alone what is there already under that name.
func (w *world) upload() {
	if _, there := w.objects[functionKey]; !there {
		w.overwrite(packed(map[string]string{"bootstrap": program}))
	}
}

// overwrite writes the function's code, as a new version.
func (w *world) overwrite(body []byte) {
	w.versions++
	w.objects[functionKey] = stored{body, fmt.Sprintf("v%d", w.versions)}
}

// run puts the code that lies in the bucket into the function, as CloudFormation does.
func (w *world) runCode(template string) {
	if strings.Contains(template, functionKey) {
		w.code = codeSum(w.objects[functionKey].body)
	}
}

// serveObject answers S3's GetObject and HeadObject.
func (w *world) serveObject(out http.ResponseWriter, in *http.Request) {
	w.calls = append(w.calls, "s3 "+in.Method)
	_, key, _ := strings.Cut(strings.TrimPrefix(in.URL.Path, "/"), "/")
	object, there := w.objects[key]
	if !there {
		out.WriteHeader(http.StatusNotFound)
		fmt.Fprint(out, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
		return
	}
	out.Header().Set("X-Amz-Version-Id", object.version)
	if in.Method == http.MethodGet {
		_, _ = out.Write(object.body)
	}
}

// serveFunction answers Lambda's GetFunctionConfiguration.
func (w *world) serveFunction(out http.ResponseWriter, _ *http.Request) {
	w.calls = append(w.calls, "lambda GetFunctionConfiguration")
	out.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(out, `{"FunctionName": "x", "CodeSha256": %q}`, w.code)
}
