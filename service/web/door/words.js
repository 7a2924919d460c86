// What the page says of each state: css class, sign, words, meaning. Never colour alone.

export const STATES = {
  genuine: ["good", "✔", "签发属实", "本单位签发过这份文书，名单中没有作废或被替代的记录。请逐项核对纸面。"],
  stale: ["unsure", "!", "签发属实，状态未知", "本机的名单已过期，文书可能已经作废或被替代：请联网后再查。"],
  superseded: ["bad", "✖", "已被新的文书替代", "签发属实，但这份文书已不再有效，请查看新的一份。"],
  void: ["bad", "✖", "已作废", "签发属实，但这份文书已经作废。"],
  unknown_key: ["unsure", "?", "无法确定", "签发密钥不在本机的名单内：可能由别的单位签发，也可能是伪造。请联网后再查，或向签发单位核实。"],
  forged: ["bad", "✖", "伪造或被改动", "二维码的签名不成立。不要采信这张纸。"],
  unreadable: ["unsure", "?", "不是本系统的二维码", "内容破损或与本系统无关，不能据此作任何判断。"],
  no_list: ["unsure", "?", "无法确定", "本机还没有名单，也连不上服务器：请联网打开本页一次。"],
  false_list: ["unsure", "!", "无法确定", "服务器给出的名单签名不成立，没有采用。请向签发单位核实。"],
};

export const FILES = {
  completed: ["good", "✔", "与存证一致", "名单中有这份文件，各方已签完，现行有效。签名本身请联网验证。"],
  void: ["bad", "✖", "已作废", "名单中有这份文件，但已经作废。"],
  superseded: ["bad", "✖", "已被替代", "名单中有这份文件，但已被新的文书替代。"],
  incomplete: ["unsure", "!", "尚未签完", "名单中有这份文件，但各方还没有全部签署。"],
  stale: ["unsure", "!", "曾经存证，状态未知", "本机的名单已过期，文件可能已经作废或被替代：请联网后再查。"],
  absent: ["unsure", "?", "名单中没有这份文件", "可能被改动、经聊天软件重新保存，或签发在名单之后。请按编号向签发单位索取原件。"],
};

export const LABELS = {
  number: "编号", kind: "文书", name: "姓名", post: "职务", unit: "单位", date: "成文日期", signed: "签署", index: "存证序号",
  origin: "存证日志", sha256: "文件摘要", content: "内容摘要",
};

export const ROLES = { office: "发文机关", cadre: "承诺人", leader: "监督方" };

const pad = (number) => String(number).padStart(2, "0");

// 2026-11-24T03:04:05Z → 2026年11月24日 11:04 in China, wherever the phone is
export function chinaTime(utc) {
  const time = new Date(new Date(utc).getTime() + 8 * 3600000);
  const day = `${time.getUTCFullYear()}年${time.getUTCMonth() + 1}月${time.getUTCDate()}日`;
  return `${day} ${pad(time.getUTCHours())}:${pad(time.getUTCMinutes())}`;
}

export function age(utc, now) {
  const hours = Math.max(0, Math.floor((now - new Date(utc)) / 3600000));
  return hours < 1 ? "刚刚" : hours < 48 ? `${hours} 小时前` : `${Math.floor(hours / 24)} 天前`;
}
