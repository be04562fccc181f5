package mysql

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/exit"
)

// forms are permitted statements, each with the forms of the permitted grammar that it
// has, by their names in it.
var forms = []struct{ statement, has string }{
	{"CREATE TABLE limits (walletId VARCHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, more INT NOT NULL, " +
		"FOREIGN KEY (walletId) REFERENCES wallets (id) ON DELETE RESTRICT)", "CreateTableStmt"},
	{"CREATE VIEW balances AS SELECT id, balance FROM wallets", "CreateViewStmt"},
	{"CREATE INDEX by_status ON transaction (status, createdAt) ALGORITHM=INPLACE LOCK=NONE", "CreateIndexStmt"},
	{"ALTER TABLE transaction ADD COLUMN purpose VARCHAR(100) NULL COMMENT 'why', ALGORITHM=INSTANT",
		"AlterTableStmt AlterTableAddColumns AlterTableAlgorithm ColumnOptionNull ColumnOptionComment"},
	{"ALTER TABLE transaction ADD COLUMN rank_ INT NOT NULL DEFAULT -1 AFTER id, LOCK=NONE",
		"AlterTableLock ColumnOptionNotNull ColumnOptionDefaultValue UnaryOperationExpr ValueExpr"},
	{"ALTER TABLE wallets ADD (a INT DEFAULT NULL, b DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
		"FuncCallExpr ColumnOptionOnUpdate"},
	{"ALTER TABLE outbox_events ADD COLUMN source VARCHAR(10) COLLATE utf8mb4_0900_ai_ci NOT NULL DEFAULT ''", "ColumnOptionCollate"},
	{"ALTER TABLE outbox_events ADD COLUMN (place INT NULL, INDEX by_place (place))", "ConstraintIndex"},
	{"ALTER TABLE transaction ADD KEY by_purpose (purpose), ADD COLUMN note VARCHAR(10) NULL", "AlterTableAddConstraint ConstraintKey"},
	{"ALTER TABLE wallets COMMENT 'version 9'", "AlterTableOption TableOptionComment"},
}

// permitted are the names in the case clauses of the grammar: a form that somebody adds
// there has no test until a row above has it.
func permitted(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "cmd/migrate/migrations/statement.go"), nil, 0)
	require.NoError(t, err)
	found := map[string]bool{}
	for _, each := range file.Decls {
		function, ok := each.(*ast.FuncDecl)
		if !ok || function.Name.Name == "parse" { // which tells statements from what is none
			continue
		}
		ast.Inspect(function, func(node ast.Node) bool {
			var values []ast.Expr
			switch n := node.(type) {
			case *ast.CaseClause:
				values = n.List
			case *ast.BinaryExpr:
				// A comparison with what else is refused, or let through.
				if n.Op == token.NEQ {
					values = []ast.Expr{n.Y}
				}
			}
			for _, value := range values {
				if star, ok := value.(*ast.StarExpr); ok {
					value = star.X
				}
				if of, ok := value.(*ast.SelectorExpr); ok && fmt.Sprint(of.X) == "ast" {
					found[of.Sel.Name] = true
				}
			}
			return true
		})
	}
	return found
}

// refusedByName are names in the same places that no statement needs: they say what else
// a part must be.
var refusedByName = map[string]bool{"IndexKeyTypeNone": true, "TemporaryNone": true}

func TestEachPermittedFormHasAStatementHere(t *testing.T) {
	had := map[string]bool{}
	for _, form := range forms {
		for name := range strings.FieldsSeq(form.has) {
			had[name] = true
		}
	}
	names := permitted(t)
	assert.Greater(t, len(names), 15, "names in the grammar")
	for name := range names {
		assert.True(t, had[name] || refusedByName[name], "%s is permitted, and no statement shows that the release before survives it", name)
	}
	for name := range had {
		assert.True(t, names[name], "%s is not permitted any more", name)
	}
}

// deadlock is what the server says to a transaction that has read a table and would now
// change it, while a change of the schema waits for it to end (MySQL, "Metadata
// Locking"; ER_LOCK_DEADLOCK). It changed nothing, and is the client's to repeat.
const deadlock = 1213

// writer is a release before that serves.
type writer struct {
	cycles, deadlocks atomic.Int64
	stop              context.CancelFunc
	done              sync.WaitGroup
	lock              sync.Mutex
	failed            error
}

// serve lets the release before work until it is stopped, or fails.
func (a *application) serve(ctx context.Context) *writer {
	w := &writer{}
	ctx, w.stop = context.WithCancel(ctx)
	for range 2 {
		one := &application{DB: a.DB}
		w.done.Go(func() {
			for ctx.Err() == nil {
				err := one.cycle(context.WithoutCancel(ctx))
				if number(err) == deadlock {
					w.deadlocks.Add(1)
					continue
				}
				if err != nil {
					w.lock.Lock()
					w.failed = err
					w.lock.Unlock()
					return
				}
				w.cycles.Add(1)
			}
		})
	}
	return w
}

// worked waits until the writer has done something more, or has failed.
func (w *writer) worked(t *testing.T) error {
	t.Helper()
	for before, deadline := w.cycles.Load(), time.Now().Add(20*time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		w.lock.Lock()
		failed := w.failed
		w.lock.Unlock()
		if failed != nil || w.cycles.Load() >= before+4 {
			return failed
		}
	}
	t.Fatal("the release before stands still")
	return nil
}

// fill makes tables on which a change takes a moment.
func (on table) fill(t *testing.T, rows int) {
	t.Helper()
	execute(t, on.owner, "SET cte_max_recursion_depth = ?", rows)
	execute(t, on.owner, `INSERT INTO transaction (id, walletId, type, amount, referenceId, status, createdAt)
		WITH RECURSIVE row_ AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM row_ WHERE n + 1 < ?)
		SELECT UUID(), 'w', 'DEPOSIT', 1, UUID(), 'COMPLETED', NOW(6) FROM row_`, rows)
}

func letsTheReleaseBeforeWrite(t *testing.T, on table) {
	before := on.with(t, "before")
	before.migrate(t, "none")
	on.fill(t, 20_000)
	app := on.application(t)
	serving := app.serve(t.Context())
	defer func() {
		serving.stop()
		serving.done.Wait()
	}()
	var statements []string
	for _, form := range forms {
		require.NoError(t, serving.worked(t), "before %s", form.statement)
		statements = append(statements, "-- kind: expand\n"+form.statement+";\n")
		at := serving.cycles.Load()
		on.with(t, fmt.Sprint("with-", len(statements)), statements...).migrate(t, "before")
		during := serving.cycles.Load() - at
		require.NoError(t, serving.worked(t), "during and after %s", form.statement)
		assert.Positive(t, during, "the release before stood still during %s", form.statement)
	}
	t.Logf("transactions that the server asked to repeat: %d of %d", serving.deadlocks.Load(), serving.cycles.Load())
	assert.LessOrEqual(t, serving.deadlocks.Load(), int64(4*len(forms)), "one of each writer, each of the two times that a change needs its table alone, at most")
	status, said := before.run(t, "check")
	assert.Equal(t, int(exit.Done), status, "the release before returns: %s", said)
}

// What the writer notices: a statement that is no expand, and that somebody let through.
func noticesWhatIsNoExpand(t *testing.T, on table) {
	for _, statement := range []string{
		"ALTER TABLE transaction ADD COLUMN must INT NOT NULL",
		"ALTER TABLE wallets DROP COLUMN status",
		"ALTER TABLE outbox_events ADD UNIQUE (aggregate_type)",
		"ALTER TABLE wallets RENAME COLUMN userId TO owner_",
		"CREATE TRIGGER stop BEFORE INSERT ON wallets FOR EACH ROW SIGNAL SQLSTATE '45000'",
	} {
		on.clear(t)
		on.with(t, "before").migrate(t, "none")
		app := on.application(t)
		require.NoError(t, app.cycle(t.Context()))
		on.with(t, "after", "-- kind: expand\n-- because: nobody looked\n"+statement+";\n").migrate(t, "before")
		assert.NotZero(t, number(app.twice(t)), "the release before survives %s", statement)
	}
}

// twice works until it fails, or twice.
func (a *application) twice(t *testing.T) error {
	t.Helper()
	if err := a.cycle(t.Context()); err != nil {
		return err
	}
	return a.cycle(t.Context())
}
