package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The statements of the wallet service, as Hibernate makes them of its entities and
// queries (Wallet, Transaction, OutboxEvent, OutboxEventRepository,
// GetHistoricalBalanceQueryHandler): every column by its name.
const (
	insertWallet      = "insert into wallets (balance,createdAt,status,updatedAt,userId,id) values (?,?,?,?,?,?)"
	selectWallet      = "select w1_0.id,w1_0.balance,w1_0.createdAt,w1_0.status,w1_0.updatedAt,w1_0.userId from wallets w1_0 where w1_0.id=?"
	updateWallet      = "update wallets set balance=?,createdAt=?,status=?,updatedAt=?,userId=? where id=?"
	countWallets      = "select count(w1_0.id) from wallets w1_0"
	insertTransaction = "insert into transaction (amount,createdAt,description,destinationWalletId,referenceId,status,type,walletId,id) values (?,?,?,?,?,?,?,?,?)"
	history           = "select t1_0.id,t1_0.amount,t1_0.createdAt,t1_0.description,t1_0.destinationWalletId,t1_0.referenceId,t1_0.status,t1_0.type,t1_0.walletId " +
		"from transaction t1_0 where t1_0.walletId=? and t1_0.createdAt<=? order by t1_0.createdAt asc"
	insertEvent = "insert into outbox_events (aggregate_id,aggregate_type,created_at,event_data,event_type,processed_at,version,id) values (?,?,?,?,?,?,?,?)"
	unpublished = "select o1_0.id,o1_0.aggregate_id,o1_0.aggregate_type,o1_0.created_at,o1_0.event_data,o1_0.event_type,o1_0.processed_at,o1_0.version " +
		"from outbox_events o1_0 where o1_0.processed_at is null order by o1_0.created_at asc limit ?,?"
	countUnpublished = "select count(o1_0.id) from outbox_events o1_0 where o1_0.processed_at is null"
	markEvent        = "update outbox_events set aggregate_id=?,aggregate_type=?,created_at=?,event_data=?,event_type=?,processed_at=?,version=? where id=?"
)

// application is the wallet service of a release, as the database sees it.
type application struct {
	*sql.DB
	serial int
}

// application makes the application's user by hand and logs in with it.
func (on table) application(t *testing.T) *application {
	t.Helper()
	execute(t, on.owner, "DROP USER IF EXISTS wallet_app@'%'")
	execute(t, on.owner, "CREATE USER wallet_app@'%' IDENTIFIED BY 'app' REQUIRE SSL")
	execute(t, on.owner, "GRANT SELECT, INSERT, UPDATE, DELETE ON wallet.* TO wallet_app@'%'")
	return &application{DB: on.OpenAs(t, "wallet_app", "app")}
}

// cycle does all that the service does: two wallets, a transfer between them, its event,
// the event's publication, a query of the history.
func (a *application) cycle(ctx context.Context) error {
	a.serial++
	now := time.Now().UTC().Truncate(time.Microsecond)
	from, to, event := rand.Text(), rand.Text(), rand.Text()
	for _, wallet := range []string{from, to} {
		if err := a.do(ctx, insertWallet, "10.0000", now, "ACTIVE", now, "user", wallet); err != nil {
			return err
		}
	}
	transfer, err := a.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = transfer.Rollback() }()
	for _, step := range []struct {
		statement string
		values    []any
	}{
		{selectWallet, []any{from}},
		{selectWallet, []any{to}},
		{updateWallet, []any{"9.0000", now, "ACTIVE", now, "user", from}},
		{updateWallet, []any{"11.0000", now, "ACTIVE", now, "user", to}},
		{insertTransaction, []any{"1.0000", now, "Transfer between wallets", to, rand.Text(), "COMPLETED", "TRANSFER", from, rand.Text()}},
		{insertEvent, []any{from, "Wallet", now, "{}", "Transferred", nil, 1, event}},
	} {
		if _, err := transfer.ExecContext(ctx, step.statement, step.values...); err != nil {
			return fmt.Errorf("%s: %w", step.statement, err)
		}
	}
	if err := transfer.Commit(); err != nil {
		return err
	}
	for _, step := range []struct {
		statement string
		values    []any
	}{
		{unpublished, []any{0, 100}}, {countUnpublished, nil}, {markEvent, []any{from, "Wallet", now, "{}", "Transferred", now, 1, event}},
		{history, []any{from, now}},
	} {
		if err := a.do(ctx, step.statement, step.values...); err != nil {
			return err
		}
	}
	return nil
}

func (a *application) do(ctx context.Context, statement string, values ...any) error {
	if _, err := a.ExecContext(ctx, statement, values...); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// What the entities may hold at most goes in and comes out as it was.
func takesWhatTheApplicationWrites(t *testing.T, on table) {
	on.with(t, "a").migrate(t, "none")
	app := on.application(t)
	require.NoError(t, app.cycle(t.Context()))
	now := time.Date(2026, 12, 1, 23, 59, 59, 999_999_000, time.UTC)
	id := func(n int) string { return fmt.Sprintf("6f9619ff-8b86-d011-b42d-00c04fc9%04d", n) }
	const amount = "123456789012345.6789" // precision 19, scale 4
	long := strings.Repeat("ç", 999) + "😀"
	require.NoError(t, app.do(t.Context(), insertWallet, amount, now, "BLOCKED", now, strings.Repeat("ü", 255), id(1)))
	var balance, user string
	var created time.Time
	require.NoError(t, app.QueryRowContext(t.Context(), "select balance,userId,createdAt from wallets where id=?", id(1)).Scan(&balance, &user, &created))
	assert.Equal(t, []any{amount, strings.Repeat("ü", 255), now}, []any{balance, user, created})

	for i, kind := range []string{"DEPOSIT", "WITHDRAWAL", "TRANSFER"} {
		for j, status := range []string{"PENDING", "COMPLETED", "FAILED", "REVERSED"} {
			n := 10 + 4*i + j
			require.NoError(t, app.do(t.Context(), insertTransaction, amount, now, long, nil, id(n), status, kind, id(1), id(n)))
		}
	}
	rows, err := app.QueryContext(t.Context(), history, id(1), now)
	require.NoError(t, err)
	defer rows.Close()
	count := 0
	for ; rows.Next(); count++ {
		var values [9]sql.NullString
		require.NoError(t, rows.Scan(&values[0], &values[1], &values[2], &values[3], &values[4], &values[5], &values[6], &values[7], &values[8]))
		assert.Equal(t, amount, values[1].String)
		assert.Equal(t, long, values[3].String)
		assert.False(t, values[4].Valid)
	}
	require.NoError(t, rows.Err())
	assert.Equal(t, 12, count)

	const duplicate = 1062 // ER_DUP_ENTRY
	err = app.do(t.Context(), insertTransaction, "1", now, nil, nil, id(10), "COMPLETED", "DEPOSIT", id(1), id(99))
	assert.EqualValues(t, duplicate, number(err), "a request that is sent twice moves money twice")
	require.NoError(t, app.do(t.Context(), insertTransaction, "1", now, nil, nil, "Ana", "COMPLETED", "DEPOSIT", id(1), id(97)))
	require.NoError(t, app.do(t.Context(), insertTransaction, "1", now, nil, nil, "ana", "COMPLETED", "DEPOSIT", id(1), id(98)),
		"two references that differ in their letters alone")

	event := strings.Repeat("x", 65_535) // TEXT
	require.NoError(t, app.do(t.Context(), insertEvent, id(1), strings.Repeat("A", 100), now, event, strings.Repeat("E", 100), nil, nil, id(1)))
	var data string
	require.NoError(t, app.QueryRowContext(t.Context(), "select event_data from outbox_events where id=?", id(1)).Scan(&data))
	assert.Equal(t, event, data)
	require.NoError(t, app.do(t.Context(), countWallets))

	// The publisher's question is answered by the key, in its order.
	var plan string
	require.NoError(t, on.owner.QueryRowContext(t.Context(), "EXPLAIN FORMAT=JSON "+unpublished, 0, 100).Scan(&plan))
	assert.Contains(t, plan, `"key": "idx_outbox_unprocessed"`)
	assert.Contains(t, plan, `"using_filesort": false`)
}
