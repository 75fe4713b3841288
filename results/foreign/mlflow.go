package foreign

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"matrix/results/record"
)

// mlflowStatus are MLflow's numbers of how a run ended: 3 finished, 4 failed, 5 killed.
// All others are failed.
var mlflowStatus = map[string]int{record.Complete: 3, record.Interrupted: 5}

// writeMLflow writes a file store of MLflow (`mlflow ui --backend-store-uri DIR`): an experiment each, a run an attempt.
// Ids are made of names, not drawn: the same attempt exported again takes its own place.
func writeMLflow(dir string, runs []*run) ([]string, error) {
	var files []string
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// After the first error it writes nothing more.
	put := func(text string, parts ...string) {
		path := filepath.Join(root, filepath.Join(parts...))
		if err == nil {
			if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
				err = os.WriteFile(path, []byte(text), 0o644)
			}
		}
		files = append(files, path)
	}
	for _, r := range runs {
		name := r.Manifest.Experiment
		sum := sha256.Sum256([]byte(name))
		id := strconv.FormatUint(1e17+binary.BigEndian.Uint64(sum[:])%9e17, 10) // as MLflow's own: 18 digits
		began, ended := millis(r.at("began_unix_s")), millis(r.at("ended_unix_s"))
		put(yaml("artifact_location", address(root, id), "creation_time", began, "experiment_id", "'"+id+"'", "last_update_time", ended, "lifecycle_stage", "active", "name", strconv.Quote(name)), id, "meta.yaml")
		// 32 hexadecimal digits, as MLflow's
		run := fmt.Sprintf("%.16x", sha256.Sum256([]byte(r.Manifest.Attempt)))
		status := mlflowStatus[r.Manifest.Status]
		if status == 0 {
			status = 4
		}
		put(yaml("artifact_uri", address(root, id, run, "artifacts"), "end_time", ended, "entry_point_name", "''", "experiment_id", "'"+id+"'", "lifecycle_stage", "active", "run_id", run, "run_name", strconv.Quote(r.Manifest.Name), "run_uuid", run,
			"source_name", "''", "source_type", "4", "source_version", "''", "start_time", began, "status", strconv.Itoa(status), "tags", "[]", "user_id", "matrix"), id, run, "meta.yaml")
		for column, v := range r.numbers() {
			put(ended+" "+digits(v)+" 0\n", id, run, "metrics", column)
		}
		for column, value := range r.parameters() {
			put(value, id, run, "params", column)
		}
		for column, value := range r.tags() {
			put(value, id, run, "tags", column)
		}
		if err == nil {
			err = os.MkdirAll(filepath.Join(root, id, run, "artifacts"), 0o755)
		}
	}
	return files, err
}

// parameters are what was chosen, and by what it ran.
// A name is a file here, so one that would be a path is left out.
func (r *run) parameters() map[string]string {
	out := maps.Clone(r.Manifest.Axes)
	if out == nil {
		out = map[string]string{}
	}
	engine := r.Run.Engine
	for name, text := range map[string]string{"platform": r.Manifest.Platform, "model": r.Manifest.Model, "engine_name": engine.Name, "engine_version": engine.Version, "dtype": engine.DType,
		"quantization": engine.Quantization, "load_mode": r.Run.Mode, "gpu_name": r.Run.Machine.GPUName, "machine_cpu": r.Run.Machine.CPU, "page_cache": r.Run.PageCache, "compile_cache": r.Run.CompileCache,
		"batch_size": strconv.Itoa(r.Manifest.BatchSize)} {
		if text != "" {
			out[name] = text
		}
	}
	maps.DeleteFunc(out, func(name, _ string) bool { return strings.ContainsAny(name, "/\\:") })
	return out
}

// tags say what a reader of MLflow must not overlook: whether an attempt counts, and whether it was measured at all.
func (r *run) tags() map[string]string {
	return map[string]string{"mlflow.runName": r.Manifest.Name, "mlflow.source.name": "matrix", "mlflow.source.type": "LOCAL", "mlflow.user": "matrix", "matrix.attempt": r.Manifest.Attempt, "matrix.launch": strconv.Itoa(r.Manifest.Launch),
		"matrix.status": r.Manifest.Status, "matrix.counts": strconv.FormatBool(r.WhyNot == ""), "matrix.why_not": r.WhyNot, "matrix.simulated": strconv.FormatBool(r.Run.Simulated),
		"matrix.imported": strconv.FormatBool(r.Run.Imported)}
}

// address is a path as a file URL, which is how MLflow finds artifacts.
func address(parts ...string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(parts...))}).String()
}

// yaml are lines of names and values.
// Values are given as they are to stand there, quoted where they need it.
func yaml(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.WriteString(pairs[i] + ": " + pairs[i+1] + "\n")
	}
	return b.String()
}

// millis is 0 where no time was told.
func millis(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}
