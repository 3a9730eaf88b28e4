//! What people write, valid for Podman's generator and for sculler.

/// The parts that files take in turn: most have some of these.
const PARTS: [&str; 7] = [
    "Volume=/srv/{n}:/data:ro\nVolume=cache-{n}:/var/cache\nTmpfs=/tmp:size=64m\n",
    "Network=bridge\nHostName=web-{n}\nDNS=192.0.2.53\nAddHost=db:192.0.2.{b}\n",
    "HealthCmd=curl -fsS http://localhost:8080/health\nHealthInterval=30s\nHealthTimeout=5s\nHealthRetries=3\n",
    "PublishPort=127.0.0.1:{p}:8080\nPublishPort={q}:9090/udp\nExposeHostPort=7000\n",
    "Environment=MODE=production NUMBER={n} \"GREETING=hello world\"\nEnvironmentFile=/etc/web/{n}.env\n",
    "User=1000\nGroup=1000\nReadOnly=true\nDropCapability=all\nAddCapability=CAP_NET_BIND_SERVICE\nNoNewPrivileges=true\n",
    "Label=team=web \"role=front end\"\nExec=serve --port 8080 --name 'web {n}'\nSysctl=net.core.somaxconn=1024\n",
];

/// So many files: name and text.
pub fn files(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|number| (format!("web-{number:04}.container"), text(number)))
}

fn text(number: usize) -> String {
    let mut text = format!(
        "# Written for web {number}\n[Unit]\nDescription=Web server {number}\nAfter=network-online.target\n\n\
         [Container]\nImage=docker.io/library/nginx:1.{}\nContainerName=web-{number}\n",
        number % 30
    );
    // Every second part, from another one on in each file
    for step in 0..4 {
        let part = PARTS[(number + step * 2) % PARTS.len()];
        let part = part.replace("{n}", &number.to_string()).replace("{b}", &(number % 250 + 1).to_string());
        text.push_str(
            &part.replace("{p}", &(10_000 + number).to_string()).replace("{q}", &(20_000 + number).to_string()),
        );
    }
    text.push_str("\n[Service]\nRestart=always\nTimeoutStartSec=900\n\n[Install]\nWantedBy=multi-user.target\n\n[X-Fleet]\nGlobal=true\n");
    text
}
