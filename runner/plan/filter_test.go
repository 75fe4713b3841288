package plan

import (
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/runner/runnertest"
)

func TestChoose(t *testing.T) {
	cells := []*cell.Cell{runnertest.Cell("vllm_serve", 10), runnertest.Cell("vllm_offline", 10), runnertest.Cell("ollama", 10), runnertest.Cell("ollama", 100)}
	tests := map[string]struct {
		filter Filter
		want   int
		err    string
	}{
		"all":            {Filter{}, 4, ""},
		"glob":           {Filter{Only: []string{"platform=vllm_*"}}, 2, ""},
		"several":        {Filter{Only: []string{"platform=ollama,vllm_serve"}}, 3, ""},
		"both":           {Filter{Only: []string{"platform=ollama", "batch_size=100"}}, 1, ""},
		"except":         {Filter{Except: []string{"batch_size=100"}}, 3, ""},
		"no axis":        {Filter{Only: []string{"engine=ollama"}}, 0, "the axes are platform, model, batch_size"},
		"no value":       {Filter{Only: []string{"platform=olama"}}, 0, "platform is one of vllm_serve, vllm_offline, ollama"},
		"one of several": {Filter{Only: []string{"batch_size=10,platform=ollama"}}, 0, `"platform=ollama" matches no cell; batch_size is one of 10, 100`},
		"no form":        {Filter{Except: []string{"=ollama"}}, 0, "axis=glob"},
		"a name":         {Filter{Only: []string{"ollama/m/100"}}, 1, ""},
		"names":          {Filter{Except: []string{"vllm_*/m/10"}}, 2, ""},
		"no such name":   {Filter{Replace: []string{"ollama/m/1000"}}, 0, "cells are ollama/m/10, ollama/m/100"},
		"bad glob":       {Filter{Only: []string{"platform=[x"}}, 0, "no glob"},
		"bad rerun":      {Filter{Rerun: []string{"fialed"}}, 0, `rerun "fialed" is not one of failed`},
		"replace an id":  {Filter{Replace: []string{cells[0].Address[:60]}}, 4, ""},
		"no such id":     {Filter{Replace: []string{"deadbeef"}}, 0, "matches no cell"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.filter.Check(cells)
			got, bad := tt.filter.Choose(cells)
			if err == nil {
				err = bad
			}
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want an error with %q", err, tt.err)
				}
				return
			}
			if err != nil || len(got) != tt.want {
				t.Errorf("got %d cells (%v), want %d", len(got), err, tt.want)
			}
		})
	}
}
