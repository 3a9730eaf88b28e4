//! What ran under Compose, fleet and Podman, imported and run.

use crate::agent::{SOON, UNITS, unit_path};
use crate::host::{Host, Suite};

/// Seven services with the keys that such files have.
const COMPOSE: &str = r#"
name: shop
x-common: &common
  image: busybox
  restart: unless-stopped
  networks: [back]

services:
  proxy:
    image: nginx:latest
    restart: always
    ports: ["8080:80"]
    volumes:
      - ./proxy.conf:/etc/nginx/conf.d/default.conf:ro
    depends_on:
      web: {condition: service_healthy}
      api: {condition: service_started}
    networks: [front, back]
  web:
    <<: *common
    command: ["httpd", "-f", "-p", "8000", "-h", "/www"]
    volumes: ["./www:/www:ro"]
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://localhost:8000/"]
      interval: 1s
      retries: 10
    networks:
      front: {aliases: [www]}
  api:
    <<: *common
    entrypoint: ["sh", "-c"]
    command:
      - |
        mkdir -p /tmp/www
        echo "$$GREETING, $$USER_NAME, $$(cat /run/secrets/token), 100%" > /tmp/www/index.html
        exec httpd -f -p 9000 -h /tmp/www
    environment:
      GREETING: ${GREETING:-hello}
      USER_NAME: "${NAME:?set it}"
    secrets: [token]
    tmpfs: /tmp
    ports:
      - {target: 9000, published: "9100", host_ip: 127.0.0.1}
    depends_on:
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started}
  migrate:
    <<: *common
    restart: "no"
    command: sh -c 'echo migrated >> /data/log'
    volumes: ["data:/data"]
  db:
    <<: *common
    command: httpd -f -p 5432 -h /data
    volumes: ["data:/data:ro"]
    deploy: {resources: {limits: {memory: 64M, pids: 50}}}
    configs:
      - {source: motd, target: /etc/motd}
  cache:
    <<: *common
    command: httpd -f -p 6379 -h /etc
    stop_grace_period: 1s
    ulimits: {nofile: 1000}
    networks:
      back: {ipv4_address: 10.5.0.10}
  worker:
    <<: *common
    env_file: worker.env
    command: sh -c "sleep 100000"
    init: true
    scale: 2
    links: ["db:database"]
    logging: {driver: journald}
networks:
  front:
  back:
    ipam: {config: [{subnet: 10.5.0.0/24}]}
volumes:
  data:
configs:
  motd: {content: "Welcome to ${NAME}\n"}
secrets:
  token: {file: ./token}
"#;

const PROXY: &str = "server {
    listen 80;
    location / { proxy_pass http://www:8000/; }
    location /api/ { proxy_pass http://api:9000/; }
}
";

impl Host {
    fn wait_shown(&self, url: &str, text: &str) {
        self.wait_until(&format!("{url} shows '{text}'"), SOON, || {
            self.try_sh(&format!("curl -fsS {url}")).stdout.contains(text)
        });
    }
}

#[test]
fn what_ran_elsewhere_is_imported_and_runs_as_before() {
    [Suite::Trixie, Suite::Bookworm].into_iter().for_each(imported);
}

fn imported(suite: Suite) {
    let host = Host::boot("import").suite(suite).docker().with_agent();
    for (file, text) in [
        ("compose.yaml", COMPOSE),
        ("proxy.conf", PROXY),
        (".env", "NAME='the shop'\n"),
        ("worker.env", "ROLE=worker\n"),
        ("token", "t0ken"),
        ("www/index.html", "page of web"),
    ] {
        host.make_dir("/srv/shop/www");
        host.write(&format!("/srv/shop/{file}"), text);
    }
    host.sh("chmod 600 /srv/shop/.env /srv/shop/token");
    // What the project left: a volume with data.
    host.sh("docker pull -q busybox; docker run --rm -v shop_data:/data busybox sh -c 'echo before > /data/log'");

    let shown = host.try_sh("cd /srv/shop && sculler import compose --dry-run compose.yaml");
    assert!(shown.ok() && shown.stdout.contains("+Network=shop-front.network:alias=web,alias=www"), "{shown}");
    assert!(shown.stderr.contains("docker compose -p shop down"), "{shown}");
    assert!(!host.exists(&unit_path("shop-web.container")));
    // While Compose's containers are there, the units could not start.
    host.sh("docker run -d --name shop-web-1 --label com.docker.compose.project=shop busybox sleep 1000");
    let running = host.try_sh("sculler import compose /srv/shop");
    assert!(!running.ok() && running.stderr.contains("docker compose -p shop down"), "{running}");
    assert!(!host.exists(&unit_path("shop-web.container")));
    host.sh("docker rm -f shop-web-1");
    let done = host.try_sh("sculler import compose /srv/shop");
    assert!(done.ok() && done.stdout.contains(&unit_path("shop-web.container")), "{done}");
    // The variables were for root alone.
    assert_eq!(host.sh(&format!("stat -c %a {}", unit_path("shop-api.container"))), "600\n");

    for unit in ["proxy", "web", "api", "migrate", "db", "cache", "worker", "worker-2"] {
        host.wait_active(&format!("shop-{unit}.service"));
    }
    host.wait_shown("http://127.0.0.1:8080/", "page of web");
    host.wait_shown("http://127.0.0.1:8080/api/", "hello, the shop, t0ken, 100%");
    host.wait_shown("http://127.0.0.1:9100/", "hello, the shop");
    assert_eq!(host.property("shop-migrate.service", "SubState"), "exited");
    // By the names that they had, from within.
    let within = |name: &str, command: &str| host.sh(&format!("docker exec {name} {command}"));
    assert_eq!(within("shop-worker-1", "wget -q -O - http://db:5432/log"), "before\nmigrated\n");
    assert_eq!(within("shop-worker-2", "wget -q -O - http://database:5432/log"), "before\nmigrated\n");
    assert!(within("shop-api-1", "wget -q -O - http://10.5.0.10:6379/hosts").contains("10.5.0.10"));
    assert!(within("shop-worker-1", "nslookup cache").contains("10.5.0.10"));
    assert_eq!(within("shop-db-1", "cat /etc/motd"), "Welcome to the shop\n");
    assert!(within("shop-worker-1", "env").contains("ROLE=worker"));
    assert!(host.sh("systemctl show -p TasksMax -p MemoryMax sculler-shop-db.slice shop-db.service").contains("="));

    // Again: nothing changes. With another text: not in silence, and nothing else restarts.
    let again = host.try_sh("sculler import compose /srv/shop");
    assert!(again.ok() && again.stdout.lines().all(|line| line.ends_with("is there already")), "{again}");
    let web = host.invocation("shop-web.service");
    let worker = host.invocation("shop-worker.service");
    host.write("/srv/shop/worker.env", "ROLE=worker\n");
    host.write("/srv/shop/compose.yaml", &COMPOSE.replace("sleep 100000", "sleep 200000"));
    let refused = host.try_sh("sculler import compose /srv/shop");
    assert!(!refused.ok() && refused.stderr.contains("--replace") && refused.stderr.contains("+Exec="), "{refused}");
    assert!(host.try_sh("sculler import compose --replace /srv/shop").ok());
    host.wait_restarted("shop-worker.service", &worker);
    host.assert_untouched("shop-web.service", &web);

    // What cannot be taken over is not dropped into a directory that runs at once.
    host.write("/srv/shop/compose.yaml", &COMPOSE.replace("init: true", "privileged: true"));
    let lossy = host.try_sh("sculler import compose --replace /srv/shop");
    assert!(!lossy.ok() && lossy.stderr.contains("compose.yaml") && lossy.stderr.contains("--accept-loss"), "{lossy}");
    let elsewhere = host.try_sh("sculler import compose --output /root/files /srv/shop");
    assert!(!elsewhere.ok() && host.exists("/root/files/shop-worker.container"), "{elsewhere}");
    host.write("/srv/shop/compose.yaml", "services: {a: {image: x, prots: [1]}}\n");
    let wrong = host.try_sh("sculler import compose /srv/shop");
    assert!(wrong.stderr.contains("compose.yaml:1:26: Compose knows no key 'prots'"), "{wrong}");

    // fleet's and Podman's.
    host.write(
        "/root/units",
        "# tick.service\n[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nGlobal=true\n[Service]\nExecStart=/bin/sleep 100000\n",
    );
    let nameless = host.try_sh("sculler import fleet - < /root/units");
    assert!(!nameless.ok() && nameless.stderr.contains("name the 1 unit here (line 6)"), "{nameless}");
    let fleet = host.try_sh("sculler import fleet --global - tock.service < /root/units");
    assert!(fleet.ok() && fleet.stderr.contains("There is no scheduler"), "{fleet}");
    host.wait_active("tick.service");
    host.wait_active("tock.service");
    host.make_dir("/etc/containers/systemd/box.container.d");
    host.write(
        "/etc/containers/systemd/box.container",
        "[Container]\nImage=busybox\nExec=sleep 100000\nStopTimeout=1\n",
    );
    host.write("/etc/containers/systemd/box.container.d/10-label.conf", "[Container]\nLabel=from=podman\n");
    let podman = host.try_sh("sculler import podman /etc/containers/systemd");
    assert!(podman.ok(), "{podman}");
    host.wait_active("box.service");
    assert_eq!(host.sh("docker inspect -f '{{index .Config.Labels \"from\"}}' systemd-box"), "podman\n");
    assert!(host.sh(&format!("ls {UNITS}")).contains("box.container.d"));
}
