/** The configuration files that openssl gets. */

/** Of a certificate authority, in its own directory. @param date tells authorities of one name apart */
export const authorityConfig = (name: string, date: string): string => `[ req ]
prompt = no
distinguished_name = req_distinguished_name

[ req_distinguished_name ]
C = US
ST = CA
L = Palo Alto
O = Open vSwitch
OU = ${name}
CN = OVS ${name} CA Certificate (${date})

[ ca ]
default_ca = the_ca

[ the_ca ]
dir = .
database = $dir/index.txt
new_certs_dir = $dir/newcerts
certificate = $dir/cacert.pem
serial = $dir/serial
private_key = $dir/private/cakey.pem
RANDFILE = $dir/private/.rand
default_days = 3650
default_crl_days = 30
default_md = sha512
policy = policy
email_in_dn = no
name_opt = ca_default
cert_opt = ca_default
copy_extensions = copy
unique_subject = no

[ policy ]
countryName = optional
stateOrProvinceName = optional
organizationName = match
organizationalUnitName = optional
commonName = supplied
emailAddress = optional

[ ca_cert ]
basicConstraints = CA:true

[ usr_cert ]
basicConstraints = CA:false
`;

/** Of a request for a certificate. */
export const requestConfig = (commonName: string): string => `[ req ]
prompt = no
distinguished_name = req_distinguished_name
req_extensions = v3_req

[ req_distinguished_name ]
C = US
ST = CA
L = Palo Alto
O = Open vSwitch
OU = Open vSwitch certifier
CN = ${commonName}

[ v3_req ]
subjectAltName = DNS:${commonName}
`;
