package store

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"matrix/results/record"
	"matrix/results/table"
)

const benchRows = 200_000

func benchRun() record.Run { return record.Run{Planned: benchRows, Mode: "closed"} }

func fill(b *testing.B, a *Attempt, rows []record.RequestRow) {
	for i := range benchRows {
		row := rows[i%len(rows)]
		row.Seq = int64(i)
		if err := a.Append(row, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func benchInput() []record.RequestRow {
	rows := make([]record.RequestRow, benchRows)
	for i := range rows {
		rows[i] = okRow(int64(i))
	}
	return rows
}

// BenchmarkAppend: one row into the spool, without outputs.
func BenchmarkAppend(b *testing.B) {
	rows := benchInput()
	for b.Loop() {
		b.StopTimer()
		a := begin(b, testStore(b), benchRows)
		b.StartTimer()
		fill(b, a, rows)
		if err := a.Suspend(benchRun()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSpoolToParquet: the requests table alone, as a commit writes it, on one core.
func BenchmarkSpoolToParquet(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	a := begin(b, testStore(b), benchRows)
	fill(b, a, benchInput())
	if err := a.closeSpools(); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	m := a.manifest
	for b.Loop() {
		if _, err := (building{a, dir}).table(record.TableRequests, m.Keys(), nil); err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "requests.parquet"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(info.Size())/benchRows, "B/row")
}

// BenchmarkCommit: a 200,000-row cell from spools to published, metrics and checksums included.
func BenchmarkCommit(b *testing.B) {
	rows := benchInput()
	for b.Loop() {
		b.StopTimer()
		s := testStore(b)
		s.fs.NoSync = false
		a := begin(b, s, benchRows)
		fill(b, a, rows)
		b.StartTimer()
		if _, err := a.Commit(record.Complete, "", "", benchRun()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkReadRun: the row of one attempt, checksum included.
func BenchmarkReadRun(b *testing.B) {
	dir := committed(b, testStore(b), 1).Dir
	for b.Loop() {
		if _, err := table.ReadRun(dir); err != nil {
			b.Fatal(err)
		}
	}
}
