package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// measure runs a command and returns how long it took and the most memory that
// it and its children held together, in MiB. Memory is read from /proc, so it is
// 0 outside Linux.
func measure(cmd *exec.Cmd) (time.Duration, int, error) {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	peak := 0
	for {
		select {
		case err := <-done:
			elapsed := time.Since(start)
			if err != nil {
				return 0, 0, fmt.Errorf("%s: %w\n%s", cmd, err, output.String())
			}
			return elapsed, peak, nil
		case <-tick.C:
			peak = max(peak, residentMiB(cmd.Process.Pid))
		}
	}
}

// residentMiB adds up the memory of a process and its descendants, each shared
// page once: the two Node processes map the same program.
func residentMiB(root int) int {
	parents := map[int]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		content, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended since
		}
		// The command's name, in brackets, may hold spaces.
		fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
		parents[pid], _ = strconv.Atoi(fields[1])
	}
	kilobytes := 0
	for pid := range parents {
		for ancestor := pid; ancestor > 1; ancestor = parents[ancestor] {
			if ancestor == root {
				kilobytes += proportionalKB(pid)
				break
			}
		}
	}
	return kilobytes / 1024
}

// proportionalKB is a process's proportional set size, or 0 when it has ended.
func proportionalKB(pid int) int {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		if size, ok := strings.CutPrefix(line, "Pss:"); ok {
			kilobytes, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")))
			return kilobytes
		}
	}
	return 0
}

// table renders the figures as Markdown with the machine's description.
func table(figures []figure, runs int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Median of %d runs on %s, with %s and Node %s.\n\n", runs, machine(), runtime.Version(), nodeVersion())
	out.WriteString("| what | seconds | peak memory, Go and Node together |\n| --- | ---: | ---: |\n")
	for _, f := range figures {
		fmt.Fprintf(&out, "| %s | %.2f | %d MiB |\n", f.name, f.duration.Seconds(), f.peakMiB)
	}
	return out.String()
}

func machine() string {
	model := "an unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s (%s/%s)", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH)
}

func nodeVersion() string {
	version, err := exec.Command("node", "--version").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(version))
}
