package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"matrix/experiments"
	"matrix/experiments/textfile"
)

func (a *app) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate FILE|DIR…", Short: "Check files and datasets: no GPU, no network, nothing started",
		Args: needFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			s, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.close()
			cells, notes, err := s.checkData(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				a.emit("validated", map[string]any{"experiments": len(s.config.Experiments), "cells": cells, "notes": orEmpty(notes)})
				return nil
			}
			for _, note := range notes {
				fmt.Fprintln(a.stdout, fold(a.style.warn(note), a.width))
			}
			fmt.Fprintf(a.stdout, "%s %s, %s.\n", a.style.good("Valid:"), count(len(s.config.Experiments), "experiment"), count(cells, "cell"))
			return nil
		},
	}
	a.declareVars(cmd)
	return cmd
}

// checkData opens every dataset and holds every cell against its own; each mistake is said once. cells counts all; notes are
// what to know of how a dataset was read.
func (s *session) checkData(ctx context.Context) (cells int, notes []string, err error) {
	var faults []error
	said := map[string]bool{}
	for _, e := range s.config.Experiments {
		for _, c := range s.cells[e.Name] {
			cells++
			if c.Skip != nil || c.Dataset == nil {
				continue
			}
			set, err := s.sets.open(ctx, c.Dataset)
			if err == nil {
				err = set.Fits(c)
				for _, note := range slices.Concat(set.Form(), set.Notes()) {
					if !said[note] {
						said[note] = true
						notes = append(notes, note)
					}
				}
			}
			if err != nil && !said[err.Error()] {
				said[err.Error()] = true
				faults = append(faults, err)
			}
		}
	}
	if len(faults) > 0 {
		return cells, notes, explainFault(errors.Join(faults...))
	}
	return cells, notes, nil
}

func (a *app) fmtCommand() *cobra.Command {
	var check, showDiff bool
	cmd := &cobra.Command{
		Use: "fmt [FILE|DIR…]", Short: "Rewrite files in the canonical format",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			files, err := hclFiles(args)
			if err != nil {
				return err
			}
			differs := 0
			for _, file := range files {
				changed, err := a.format(file, check || showDiff, showDiff)
				if err != nil {
					return err
				}
				if changed {
					differs++
				}
			}
			if check && differs > 0 {
				return exitCode(codeDiffers)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 3 when a file would change")
	cmd.Flags().BoolVar(&showDiff, "diff", false, "write nothing; show what would change")
	return cmd
}

// hclFiles lists the files that fmt works on; JSON has a format of its own.
func hclFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", arg, err)
		case info.IsDir():
			found, err := filepath.Glob(filepath.Join(arg, "*.hcl"))
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		case strings.HasSuffix(arg, ".hcl"):
			files = append(files, arg)
		default:
			return nil, hinted{fmt.Errorf("%s is no .hcl file", arg), "fmt formats HCL; give it a file that ends in .hcl, or a folder."}
		}
	}
	return files, nil
}

// format rewrites one file, or only says that it would; changed tells whether it differs.
func (a *app) format(file string, dry, showDiff bool) (changed bool, err error) {
	content, err := textfile.Open(file)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", file, err)
	}
	defer content.Close() // read-only
	src, err := io.ReadAll(content)
	if err != nil {
		return false, err
	}
	out, diags := experiments.Format(src, file)
	if diags.HasErrors() {
		return false, a.mistakes(&experiments.Config{Files: map[string][]byte{file: src}}, diags)
	}
	if string(out) == string(src) {
		return false, nil
	}
	if showDiff {
		_, err = a.stdout.Write(diff.Diff(file, src, file+" (formatted)", out))
	} else {
		_, err = fmt.Fprintln(a.stdout, file)
	}
	if err != nil || dry {
		return true, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return true, err
	}
	return true, writeNamed(file, info.Mode().Perm(), func(w io.Writer) error {
		_, err := w.Write(out)
		return err
	})
}
