package ndjson

// ClusterRun is a run on a cluster: when it is submitted or gone on with, adopted; in a status, how far it is.
type ClusterRun struct {
	Run       string         `json:"run"`
	Adopted   *bool          `json:"adopted,omitempty"`
	Launches  *int           `json:"launches,omitempty"`
	Committed *int           `json:"committed,omitempty"`
	Status    map[string]int `json:"status,omitempty"` // launches by how they ended
	Claims    *int           `json:"claims,omitempty"`
	Watched   *bool          `json:"watched,omitempty"`
}

func (ClusterRun) Type() string { return "cluster_run" }

// Submitted is a job that the cluster has taken.
type Submitted struct {
	Job      string `json:"job"`
	Tasks    int    `json:"tasks"`
	Hardware string `json:"hardware"`
	Again    bool   `json:"again"` // they had been submitted, and the cluster knew nothing of them
}

func (Submitted) Type() string { return "submitted" }

// LaunchDone is a launch that a task has committed.
type LaunchDone struct {
	Experiment string `json:"experiment"`
	Cell       string `json:"cell"`
	Name       string `json:"name"`
	Launch     int    `json:"launch"`
	Attempt    string `json:"attempt"`
	Status     string `json:"status"`
	Reason     string `json:"reason"`
	Host       string `json:"host"`
	Job        string `json:"job"`
	Committed  int    `json:"committed"` // of Launches
	Launches   int    `json:"launches"`
}

func (LaunchDone) Type() string { return "launch_done" }

// ClusterProgress is how the queue stands.
type ClusterProgress struct {
	Committed int            `json:"committed"`
	Launches  int            `json:"launches"`
	Queue     map[string]int `json:"queue"` // tasks by state
}

func (ClusterProgress) Type() string { return "cluster_progress" }

// Jobs is what became of a cluster's jobs after ^C.
type Jobs struct {
	Jobs string   `json:"jobs"` // left, canceled
	IDs  []string `json:"ids,omitempty"`
}

func (Jobs) Type() string { return "interrupt" }

// Claim is a launch that a task has taken; without a host it was given back.
type Claim struct {
	Name    string   `json:"name"`
	Cell    string   `json:"cell"`
	Launch  int      `json:"launch"`
	Done    int64    `json:"done"`
	Planned int64    `json:"planned"`
	Host    *string  `json:"host"`
	Job     string   `json:"job,omitempty"`
	Task    string   `json:"task,omitempty"`
	Restart int      `json:"restart,omitempty"`
	PID     int      `json:"pid,omitempty"`
	SeenS   *float64 `json:"seen_s,omitempty"` // since it was heard of
}

func (Claim) Type() string { return "claim" }

// GroupSummary is how a task's group of launches ended.
type GroupSummary struct {
	Committed  map[string]int `json:"committed"` // by status
	DoneBefore int            `json:"done_before"`
	Held       int            `json:"held"` // by other tasks
	Left       int            `json:"left"` // for a later task
}

func (GroupSummary) Type() string { return "group_summary" }
