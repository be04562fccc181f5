package migrations

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// removing are the words of statements that take something from a release that
// runs. A type that a column is changed to, or a default, may do so too.
var removing = regexp.MustCompile(`(?i)\b(DROP|RENAME|CHANGE|MODIFY|TRUNCATE|DELETE)\b`)

// checkStatement holds the rules of the SQL. One statement in a file is all that
// MySQL does wholly or not at all: it commits before and after each change of the
// schema, so that a file with two of them could stop between them.
func checkStatement(m Migration, content string, said map[string]string) error {
	code := codeOf(content)
	count := 0
	for _, part := range strings.Split(code, ";") {
		if strings.TrimSpace(part) != "" {
			count++
		}
	}
	if count != 1 {
		return fmt.Errorf("want one statement, got %d: MySQL cannot undo the first when the second fails", count)
	}
	if word := removing.FindString(code); word != "" && m.Kind == Expand && said["because"] == "" {
		return fmt.Errorf("an expand with %s: make it a contract, or add a line \"-- because: why every release before still runs\"", strings.ToUpper(word))
	}
	if strings.Contains(code, "\x00") {
		return errors.New("want text, got a zero byte")
	}
	return nil
}

// codeOf blanks out what is not code: comments, and the content of quotes.
func codeOf(content string) string {
	var code strings.Builder
	for rest := content; rest != ""; {
		skip := 0
		switch {
		case strings.HasPrefix(rest, "-- "), strings.HasPrefix(rest, "--\n"), rest[0] == '#':
			skip = through(rest, "\n")
		case strings.HasPrefix(rest, "/*") && !strings.HasPrefix(rest, "/*!"): // the server runs the latter
			skip = 2 + through(rest[2:], "*/")
		case strings.ContainsRune("'\"`", rune(rest[0])):
			skip = quoted(rest)
		}
		if skip == 0 {
			code.WriteByte(rest[0])
			skip = 1
		} else {
			code.WriteByte(' ')
		}
		rest = rest[skip:]
	}
	return code.String()
}

// through is the length of a text up to the end of a mark, or of all.
func through(text, mark string) int {
	at := strings.Index(text, mark)
	if at < 0 {
		return len(text)
	}
	return at + len(mark)
}

// quoted is the length of the quotation at the beginning of a text. A quote that
// is doubled begins another quotation, which comes to the same.
func quoted(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if text[0] != '`' {
				i++
			}
		case text[0]:
			return i + 1
		}
	}
	return len(text)
}
