// Root file systems as tar streams: `alpine` out of the host's static busybox, a Debian by mmdebstrap.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pack } from 'tar-stream';

const passwd = `root:x:0:0:root:/root:/bin/ash
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
app:x:1000:1000:app:/home/app:/bin/ash
nobody:x:65534:65534:nobody:/:/sbin/nologin
`;
const group = `root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
users:x:100:
audio:x:18:app
app:x:1000:
nobody:x:65534:
`;
const osRelease = `NAME="Alpine stand-in"
ID=alpine
VERSION_ID=0
PRETTY_NAME="busybox of this machine in the shape of Alpine"
`;
const folders = {
  'bin/': 0o755,
  'dev/': 0o755,
  'etc/': 0o755,
  'home/': 0o755,
  'lib/': 0o755,
  'media/': 0o755,
  'mnt/': 0o755,
  'opt/': 0o755,
  'proc/': 0o555,
  'root/': 0o700,
  'run/': 0o755,
  'sbin/': 0o755,
  'srv/': 0o755,
  'sys/': 0o555,
  'tmp/': 0o1777,
  'usr/': 0o755,
  'usr/bin/': 0o755,
  'usr/sbin/': 0o755,
  'var/': 0o755,
  'var/tmp/': 0o1777,
};

export const alpineConfig = {
  Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  Cmd: ['/bin/sh'],
  WorkingDir: '/',
};

/** A tar of entries `{ name, content? | linkname? , mode?, uid?, gid?, type? }`, in the order given. */
export function tarOf(entries) {
  const tar = pack();
  for (const { content, ...header } of entries) {
    tar.entry({ mtime: new Date('2025-01-01T00:00:00Z'), ...header }, content ?? '');
  }
  tar.finalize();
  return tar;
}

/** busybox with all its applets, and the few files of /etc that make `id` and shells feel at home. */
export function alpineTar(busybox = findBusybox()) {
  const applets = spawnSync(busybox, ['--list-full'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((name) => name !== '');
  const links = applets
    .filter((name) => /^(usr\/)?s?bin\//.test(name) && name !== 'bin/busybox')
    .map((name) => ({ name, type: 'symlink', linkname: '/bin/busybox', mode: 0o777 }));
  return tarOf([
    ...Object.entries(folders).map(([name, mode]) => ({ name, mode, type: 'directory' })),
    { name: 'home/app/', mode: 0o755, type: 'directory', uid: 1000, gid: 1000 },
    { name: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
    ...links,
    { name: 'etc/passwd', content: passwd },
    { name: 'etc/group', content: group },
    { name: 'etc/shadow', mode: 0o640, gid: 42, content: 'root:*::0:::::\n' },
    { name: 'etc/os-release', content: osRelease },
    { name: 'etc/profile', content: "export PS1='\\h:\\w\\$ '\n" },
  ]);
}

/** Debian's package puts it at /bin/busybox; a dynamic one would need its libraries in the image. */
export function findBusybox() {
  for (const file of ['/bin/busybox', '/usr/bin/busybox', '/bin/busybox.static', '/usr/bin/busybox-static']) {
    const told = spawnSync('sh', ['-c', `test -x ${file} && ! ldd ${file} >/dev/null 2>&1`]);
    if (told.status === 0) return file;
  }
  throw new Error('cannot make the image "alpine": no static busybox here; install the package busybox-static');
}

/** A small Debian with apt. mmdebstrap uses this machine's apt: its proxy and keys. */
export function debianTar(suite = 'bookworm') {
  const args = ['--quiet', '--variant=minbase', suite, '-'];
  const child = spawn('mmdebstrap', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const complaints = [];
  child.stderr.on('data', (chunk) => complaints.push(chunk));
  child.on('error', (error) => child.stdout.destroy(error));
  child.on('close', (code) => {
    if (code !== 0) child.stdout.destroy(new Error(`mmdebstrap ended with ${code}: ${Buffer.concat(complaints)}`));
  });
  return child.stdout;
}
