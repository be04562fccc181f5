package migrations

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // the parser's values; its own guide asks for it
)

var (
	// conditional comments are code for some servers and none for others, so that
	// what is checked would not be what runs.
	conditional = regexp.MustCompile(`/\*([A-Z]?!|\+)`)
	// trigger is all of CREATE TRIGGER before its body, which is that of a procedure.
	trigger = regexp.MustCompile(`(?is)\bCREATE\s+(DEFINER\s*=\s*\S+\s+)?TRIGGER\s+\S+\s+(BEFORE|AFTER)\s+(INSERT|UPDATE|DELETE)\s+ON\s+\S+\s+FOR\s+EACH\s+ROW\s+((FOLLOWS|PRECEDES)\s+\S+\s+)?`)
	// definition is how a statement begins, after comments, that the parser does not
	// know and that changes one thing of the schema. The server takes one statement
	// a call, and refuses the rest before it does any of it.
	definition = regexp.MustCompile(`(?is)^(\s|--\s[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*(CREATE|ALTER|DROP)\s`)
	capital    = regexp.MustCompile(`[A-Z]`)
)

// checkStatement holds the rules of the SQL. One statement in a file is all that
// MySQL does wholly or not at all: it commits before and after each change of the
// schema, so that a file with two of them could stop between them.
func checkStatement(m Migration, code, because string) error {
	switch mark := conditional.FindString(code); {
	case !utf8.ValidString(code) || strings.Contains(code, "\x00"):
		return errors.New("want text in UTF-8")
	case mark != "":
		return fmt.Errorf("%s begins a comment that some servers run and others skip: write the statement itself, or a plain comment", mark)
	}
	statement, why, err := parse(code)
	if err != nil {
		return err
	}
	if why == "" {
		why = notExpanding(statement)
	}
	if m.Kind == Expand && because == "" && why != "" {
		return fmt.Errorf("an expand %s: a release that serves may not survive it. Make it a contract, or add a line \"-- because: why every release before still runs\"", why)
	}
	return nil
}

// parse reads one statement that is done wholly or not at all. Of one that the
// parser does not know, why tells so.
func parse(code string) (statement ast.StmtNode, why string, err error) {
	all, _, err := parser.New().Parse(code, "", "")
	if body := trigger.ReplaceAllString(code, "CREATE PROCEDURE the_trigger() "); err != nil && body != code {
		why = "with CREATE TRIGGER, which acts in every write of the releases before"
		all, _, err = parser.New().Parse(body, "", "")
	}
	switch {
	case err != nil && definition.MatchString(code):
		return nil, "with a statement that the parser does not know", nil
	case err != nil:
		return nil, "", errors.New("want a statement of MySQL that changes the schema or its rows: this one the parser does not understand")
	case len(all) != 1:
		return nil, "", fmt.Errorf("want one statement, got %d: MySQL cannot undo the first when the second fails", len(all))
	}
	switch statement := all[0].(type) {
	case *ast.CallStmt, *ast.LoadDataStmt, *ast.SelectStmt, *ast.SetOprStmt, *ast.ImportIntoStmt:
	case ast.DDLNode, ast.DMLNode, *ast.ProcedureInfo, *ast.DropProcedureStmt:
		return statement, why, nil
	}
	return nil, "", fmt.Errorf("want a statement that MySQL does wholly or not at all, got %s", nameOf(all[0]))
}

// nameOf is what a statement does, such as ALTER TABLE, from its type's name.
func nameOf(statement ast.StmtNode) string {
	name := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", statement), "*ast."), "Stmt")
	return strings.TrimSpace(strings.ToUpper(capital.ReplaceAllString(name, " $0")))
}

// notExpanding says what of a statement a release that serves might not survive,
// or nothing if it has one of the forms that each release survives: what is new
// asks nothing of who does not know it, and blocks no table in use.
func notExpanding(statement ast.StmtNode) string {
	switch s := statement.(type) {
	case *ast.CreateTableStmt:
		if s.Select == nil && s.TemporaryKeyword == ast.TemporaryNone {
			return ""
		}
		return "with a table that is filled from another or is temporary"
	case *ast.CreateViewStmt:
		if s.OrReplace {
			return "with CREATE OR REPLACE VIEW"
		}
		return ""
	case *ast.CreateIndexStmt:
		return indexAddition(s)
	case *ast.AlterTableStmt:
		for _, each := range s.Specs {
			if why := notAdding(each); why != "" {
				return "with ALTER TABLE and " + why
			}
		}
		return ""
	}
	return "with " + nameOf(statement)
}

func indexAddition(s *ast.CreateIndexStmt) string {
	switch {
	case s.KeyType != ast.IndexKeyTypeNone:
		return "with a unique, full-text or spatial index"
	case s.LockAlg != nil && blocking(s.LockAlg.AlgorithmTp, s.LockAlg.LockTp):
		return "with an ALGORITHM or a LOCK that blocks writes"
	}
	return plainKeys(s.IndexPartSpecifications)
}

// plainKeys refuses an index on an expression, which a write can fail to evaluate.
func plainKeys(keys []*ast.IndexPartSpecification) string {
	for _, key := range keys {
		if key.Expr != nil {
			return "with an index on an expression"
		}
	}
	return ""
}

// blocking tells whether writes wait for the change. A server that cannot do without
// refuses ALGORITHM=INPLACE or LOCK=NONE, and left alone takes the best that it can.
func blocking(algorithm ast.AlgorithmType, lock ast.LockType) bool {
	return algorithm == ast.AlgorithmTypeCopy || lock == ast.LockTypeShared || lock == ast.LockTypeExclusive
}

// notAdding says why one part of ALTER TABLE is no addition.
func notAdding(part *ast.AlterTableSpec) string {
	switch part.Tp {
	case ast.AlterTableAddColumns:
		for _, column := range part.NewColumns {
			if why := demanding(column); why != "" {
				return "a column " + why
			}
		}
		for _, each := range part.NewConstraints {
			if why := notIndex(each); why != "" {
				return why
			}
		}
		return ""
	case ast.AlterTableAddConstraint:
		return notIndex(part.Constraint)
	case ast.AlterTableAlgorithm, ast.AlterTableLock:
		if blocking(part.Algorithm, part.LockType) {
			return "an ALGORITHM or a LOCK that blocks writes"
		}
		return ""
	case ast.AlterTableOption:
		for _, option := range part.Options {
			if option.Tp != ast.TableOptionComment {
				return "an option other than COMMENT"
			}
		}
		return ""
	default:
		return "what is neither a new column, nor an index, nor a comment"
	}
}

func notIndex(constraint *ast.Constraint) string {
	if constraint.Tp != ast.ConstraintKey && constraint.Tp != ast.ConstraintIndex {
		return "a constraint on rows that the releases before write, or an index that blocks them"
	}
	return plainKeys(constraint.Keys)
}

// demanding says what a new column asks of a release that does not write it, or of
// a table in use. Any default but a constant or the time fills every row anew.
func demanding(column *ast.ColumnDef) string {
	notNull, hasDefault := false, false
	for _, option := range column.Options {
		switch option.Tp {
		case ast.ColumnOptionNotNull:
			notNull = true
		case ast.ColumnOptionNull:
			notNull = false
		case ast.ColumnOptionDefaultValue:
			constant, null := constantDefault(option.Expr)
			if !constant {
				return "with a default that is neither a constant nor the time"
			}
			hasDefault = !null
		case ast.ColumnOptionComment, ast.ColumnOptionCollate, ast.ColumnOptionOnUpdate:
		default:
			return "with more than a default, a comment and a collation: a key, a number, a check, a reference or an expression"
		}
	}
	if notNull && !hasDefault {
		return "that is NOT NULL without a default: an insert that does not name it fails"
	}
	return ""
}

// constantDefault tells whether a default is a constant or the time of the change,
// and whether it is NULL.
func constantDefault(value ast.ExprNode) (constant, null bool) {
	switch v := value.(type) {
	case *ast.UnaryOperationExpr: // the sign of a number
		return constantDefault(v.V)
	case *ast.FuncCallExpr:
		return strings.EqualFold(v.FnName.O, "CURRENT_TIMESTAMP"), false
	case ast.ValueExpr:
		return true, v.GetValue() == nil
	}
	return false, false
}
