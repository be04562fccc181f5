// Package cost works out what synthesized templates cost in a month before
// anyone uses them, at list prices: hours of instances, brokers, gateways and
// the like. What depends on use is priced only under the assumptions that
// [Assumed] states.
package cost

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// hoursPerMonth is the month of AWS's own price calculator.
const hoursPerMonth = 730

//go:embed prices.json
var priceList []byte

// Price is one list price with where it comes from.
type Price struct {
	Service, Item, Region, Unit string
	USD                         float64
	Source                      string
	SourceDate                  string `json:"source_date"`
	Confidence                  string // "high", "medium" or "low"
}

// Prices looks prices up and remembers the least certain that it gave.
type Prices struct {
	byKey map[string]Price
	weak  map[string]Price
}

// LoadPrices reads the embedded price list.
func LoadPrices() (*Prices, error) {
	var list []Price
	if err := json.Unmarshal(priceList, &list); err != nil {
		return nil, fmt.Errorf("prices.json: not valid JSON: %w", err)
	}
	prices := &Prices{byKey: map[string]Price{}, weak: map[string]Price{}}
	for _, price := range list {
		prices.byKey[key(price.Region, price.Service, price.Item)] = price
	}
	return prices, nil
}

func key(region, service, item string) string { return region + "|" + service + "|" + item }

// of returns a price in USD. It fails on a price that the list does not have:
// a silent zero would make the platform look cheaper than it is.
func (p *Prices) of(region, service, item string) (float64, error) {
	price, ok := p.byKey[key(region, service, item)]
	if !ok {
		return 0, fmt.Errorf("prices.json: no price of %s, %s in %s", service, item, region)
	}
	if price.Confidence != "high" {
		p.weak[key(region, service, item)] = price
	}
	return price.USD, nil
}
