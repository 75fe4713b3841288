// Command dist lays under dist/ what people install: for each system an archive with the program, its man pages,
// completions, licences and a list of what is in it (CycloneDX), a Python wheel for the system that it runs on, and the checksums.
// The same commit gives the same bytes on any machine with the same Go.
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra/doc"

	"matrix/cmd/matrix/cli"
	"matrix/cmd/matrix/cli/app"
)

// targets are what is built without arguments. The Linux ones are bound to the C library at start (glibc 2.17 or
// later), for NVML can be loaded in no other way; nothing of it is needed to build them.
var targets = []string{"linux/amd64", "linux/arm64", "darwin/arm64"}

// wheelTags are the platforms of Python's packages.
var wheelTags = map[string]string{
	"linux/amd64": "manylinux_2_17_x86_64.manylinux2014_x86_64", "linux/arm64": "manylinux_2_17_aarch64.manylinux2014_aarch64",
	"darwin/arm64": "macosx_12_0_arm64",
}

const folder = "dist"

// release is the version without the commit: what packages are called by.
var release, _, _ = strings.Cut(app.Version(), "+")

func main() {
	if err := lay(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func lay(ctx context.Context, wanted []string) error {
	at, err := committed(ctx)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	shared, err := documents(at)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		wanted = targets
	}
	for _, target := range wanted {
		if err := pack(ctx, target, at, shared); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	return checksums()
}

// committed is the time that all files get: SOURCE_DATE_EPOCH, else that of the commit.
func committed(ctx context.Context) (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		out, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("ask git when the commit was made: %w", err)
		}
		epoch = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// pack builds one target and lays its files down.
func pack(ctx context.Context, target string, at time.Time, shared map[string][]byte) error {
	system, arch, _ := strings.Cut(target, "/")
	scratch, err := os.MkdirTemp("", "dist")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	binary := filepath.Join(scratch, "matrix")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", binary, "./cmd/matrix")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	files := maps.Clone(shared)
	if files["matrix"], err = os.ReadFile(binary); err != nil {
		return err
	}
	if files["sbom.cdx.json"], err = bom(info, target, at); err != nil {
		return err
	}
	if files["THIRD_PARTY_LICENSES"], err = licences(ctx, info.Deps); err != nil {
		return err
	}
	name := fmt.Sprintf("matrix-%s-%s-%s", release, system, arch)
	if err := archive(filepath.Join(folder, name+".tar.gz"), name, files, at); err != nil {
		return err
	}
	if target != runtime.GOOS+"/"+runtime.GOARCH {
		return nil
	}
	return wheel(target, files, at)
}

// documents are the files that all archives have: what a person reads first, the man pages and the completions.
func documents(at time.Time) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{"README.md", "LICENSE", "CHANGELOG.md"} {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	root := cli.Root(app.New(nil, nil, nil, io.Discard, io.Discard))
	root.DisableAutoGenTag = true
	scratch, err := os.MkdirTemp("", "man")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &at, Source: "matrix " + release}, scratch); err != nil {
		return nil, err
	}
	pages := os.DirFS(scratch)
	names, err := fs.Glob(pages, "*.1")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if files["man/man1/"+name], err = fs.ReadFile(pages, name); err != nil {
			return nil, err
		}
	}
	for name, write := range map[string]func(io.Writer) error{
		"bash/matrix":      func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh/_matrix":      root.GenZshCompletion,
		"fish/matrix.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return nil, err
		}
		files["completions/"+name] = b.Bytes()
	}
	return files, nil
}

// bom lists the modules in a binary, as CycloneDX 1.6.
func bom(info *debug.BuildInfo, target string, at time.Time) ([]byte, error) {
	type component struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl"`
	}
	library := func(name, version string) component {
		return component{"library", name, version, "pkg:golang/" + name + "@" + version}
	}
	components := []component{library("std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, d := range info.Deps {
		components = append(components, library(d.Path, d.Version))
	}
	return json.MarshalIndent(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": map[string]any{
			"timestamp": at.Format(time.RFC3339),
			"component": component{"application", "matrix", release, "pkg:generic/matrix@" + release + "?platform=" + strings.ReplaceAll(target, "/", "-")},
		},
		"components": components,
	}, "", "  ")
}

// licences are the texts that the modules in a binary ask to be passed on.
func licences(ctx context.Context, deps []*debug.Module) ([]byte, error) {
	var b bytes.Buffer
	for _, d := range deps {
		out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", d.Path).Output()
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", d.Path, err)
		}
		found := 0
		for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
			names, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), pattern))
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				text, err := os.ReadFile(name)
				if err != nil {
					return nil, err
				}
				fmt.Fprintf(&b, "==== %s %s: %s\n\n%s\n", d.Path, d.Version, filepath.Base(name), text)
				found++
			}
		}
		if found == 0 {
			return nil, fmt.Errorf("%s %s has no licence file", d.Path, d.Version)
		}
	}
	return b.Bytes(), nil
}

func mode(name string) fs.FileMode {
	if path.Base(name) == "matrix" && path.Dir(name) != "completions/bash" {
		return 0o755
	}
	return 0o644
}

func archive(file, prefix string, files map[string][]byte, at time.Time) error {
	var b bytes.Buffer
	packed, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(packed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := tar.Header{Name: prefix + "/" + name, Mode: int64(mode(name)), Size: int64(len(files[name])), ModTime: at, Format: tar.FormatPAX}
		if err := w.WriteHeader(&header); err != nil {
			return err
		}
		if _, err := w.Write(files[name]); err != nil {
			return err
		}
	}
	if err := cmp.Or(w.Close(), packed.Close()); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// wheel is a Python package that carries the program: `pip install` puts it beside the interpreter that has vLLM. Only
// for this machine's system, so that `pip install dist/*.whl` names one that fits.
func wheel(target string, files map[string][]byte, at time.Time) error {
	const name = "matrix_llm" // "matrix" is somebody else's on PyPI
	inside := name + "-" + release
	tag := wheelTags[target]
	var tags strings.Builder
	for one := range strings.SplitSeq(tag, ".") {
		fmt.Fprintf(&tags, "Tag: py3-none-%s\n", one)
	}
	parts := map[string][]byte{
		inside + ".data/scripts/matrix": files["matrix"],
		inside + ".dist-info/METADATA": fmt.Appendf(nil, "Metadata-Version: 2.4\nName: matrix-llm\nVersion: %s\nSummary: Compare LLM serving platforms by declarative experiments\n"+
			"License-Expression: Apache-2.0\nLicense-File: LICENSE\nLicense-File: THIRD_PARTY_LICENSES\nRequires-Python: >=3.8\n", release),
		inside + ".dist-info/WHEEL":                         []byte("Wheel-Version: 1.0\nGenerator: matrix\nRoot-Is-Purelib: false\n" + tags.String()),
		inside + ".dist-info/licenses/LICENSE":              files["LICENSE"],
		inside + ".dist-info/licenses/THIRD_PARTY_LICENSES": files["THIRD_PARTY_LICENSES"],
		inside + ".dist-info/sboms/sbom.cdx.json":           files["sbom.cdx.json"],
	}
	var record strings.Builder
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		sum := sha256.Sum256(parts[part])
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", part, base64.RawURLEncoding.EncodeToString(sum[:]), len(parts[part]))
	}
	record.WriteString(inside + ".dist-info/RECORD,,\n")
	parts[inside+".dist-info/RECORD"] = []byte(record.String())
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		header := zip.FileHeader{Name: part, Method: zip.Deflate, Modified: at}
		header.SetMode(mode(part))
		to, err := w.CreateHeader(&header)
		if err != nil {
			return err
		}
		if _, err := to.Write(parts[part]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, inside+"-py3-none-"+tag+".whl"), b.Bytes(), 0o644)
}

func checksums() error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), e.Name())
		fmt.Printf("%8.1f MiB  %s\n", float64(len(content))/(1<<20), filepath.Join(folder, e.Name()))
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(b.String()), 0o644)
}
