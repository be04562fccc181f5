package cli

import (
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// columns is how wide a terminal is; 0 for what is none, and has no width.
func columns(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// fit makes the help of a command and of those below it as narrow as a terminal.
func fit(root *cobra.Command, width int) {
	if width == 0 {
		return
	}
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "FlagUsages ", "FlagUsagesWrapped wide "))
	cobra.AddTemplateFunc("wide", func() int { return width })
	var narrow func(*cobra.Command)
	narrow = func(command *cobra.Command) {
		command.Long = wrap(command.Long, width)
		for _, below := range command.Commands() {
			narrow(below)
		}
	}
	narrow(root)
}

// listed is what stands before the text of a line in a list.
var listed = regexp.MustCompile(`^ +(?:[a-z0-9-]+ +)?`)

// wrap breaks the lines that are longer than a width. What goes on stands below the
// text, not below the number before it.
func wrap(text string, width int) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		indent := strings.Repeat(" ", len(listed.FindString(line)))
		for len(line) > width {
			at := strings.LastIndex(line[:width+1], " ")
			if at <= len(indent) {
				break // a word that is wider than the terminal
			}
			lines = append(lines, line[:at])
			line = indent + line[at+1:]
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
