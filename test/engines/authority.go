package engines

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority signs the certificates of a test's servers as RDS's do: a root that clients
// trust, and one below it that signs, and that servers show with their own certificate
// (Aurora user guide, "Using SSL/TLS to encrypt a connection to a DB cluster").
type Authority struct {
	File  string // the root's certificate as PEM
	Pool  *x509.CertPool
	Chain string // file with the certificate below the root

	dir         string
	certificate *x509.Certificate // whose key signs
	key         *rsa.PrivateKey
}

// NewAuthority makes an authority that nobody else trusts.
func NewAuthority(t *testing.T) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir(), Pool: x509.NewCertPool()}
	template := x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	a.certificate, a.key, a.File, _ = a.make(t, "root", template)
	a.Pool.AddCert(a.certificate)
	a.certificate, a.key, a.Chain, _ = a.make(t, "subordinate", template)
	return a
}

// Issue makes a certificate with a common name for host names and IP addresses, and
// returns the files with it, the chain after it, and with its key (PKCS #8), both PEM.
func (a *Authority) Issue(t *testing.T, commonName string, hosts ...string) (certificate, key string) {
	t.Helper()
	template := x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	_, _, certificate, key = a.make(t, commonName, template)
	own, err := os.ReadFile(certificate)
	require.NoError(t, err)
	chain, err := os.ReadFile(a.Chain)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certificate, append(own, chain...), 0o600))
	return certificate, key
}

// make signs a certificate, the root's by itself.
func (a *Authority) make(t *testing.T, commonName string, template x509.Certificate) (made *x509.Certificate, secret *rsa.PrivateKey, certificate, key string) {
	t.Helper()
	secret, err := rsa.GenerateKey(rand.Reader, 2048) // as RDS has without a wish
	require.NoError(t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template.Subject = pkix.Name{CommonName: commonName}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = &template, secret
	}
	content, err := x509.CreateCertificate(rand.Reader, &template, parent, secret.Public(), signer)
	require.NoError(t, err)
	made, err = x509.ParseCertificate(content)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	require.NoError(t, err)
	certificate, key = filepath.Join(a.dir, commonName+".pem"), filepath.Join(a.dir, commonName+"-key.pem")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return made, secret, certificate, key
}
